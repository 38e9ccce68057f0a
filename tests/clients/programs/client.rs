//! Calls operations with Rust's SDK: see `test_programs.py`. It takes the endpoint from the environment.

use std::error::Error;
use std::fmt::Debug;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::atomic::{AtomicU16, Ordering};

use aws_sdk_chime::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_chime::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
};
use aws_sdk_chime::error::{BoxError, SdkError};
use aws_sdk_chime::types::{
    Attendee, CreateAttendeeRequestItem, EngineTranscribeSettings, Meeting,
    MeetingNotificationConfiguration, Tag, TranscribeLanguageCode, TranscriptionConfiguration,
};
use aws_sdk_chime::{Client, Config};
use serde_json::{Value, json};

/// The last response's status, which the SDK's outputs lack.
static STATUS: AtomicU16 = AtomicU16::new(0);

#[derive(Debug)]
struct KeepStatus;

impl Intercept for KeepStatus {
    fn name(&self) -> &'static str {
        "KeepStatus"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        STATUS.store(context.response().status().as_u16(), Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL_CHIME")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .interceptor(KeepStatus)
        .build();
    let client = Client::from_conf(config);
    for line in stdin().lock().lines() {
        let (operation, members): (String, Value) = serde_json::from_str(&line?)?;
        let answer = call(&client, &operation, &members).await;
        let mut answer = answer.map_or_else(|error| error, |output| json!({"output": output}));
        answer["status"] = STATUS.load(Ordering::Relaxed).into();
        writeln!(stdout(), "{answer}")?;
        stdout().flush()?;
    }
    Ok(())
}

/// The output's members that the programs use, or the exception.
#[allow(deprecated, reason = "its deprecation is why this project exists")]
async fn call(client: &Client, operation: &str, members: &Value) -> Result<Value, Value> {
    let text = |name: &str| members[name].as_str().map(str::to_owned);
    let meeting_id = text("MeetingId");
    let max_results = members["MaxResults"].as_i64().and_then(|results| results.try_into().ok());
    Ok(match operation {
        "CreateMeeting" => {
            let call = client
                .create_meeting()
                .set_client_request_token(text("ClientRequestToken"))
                .set_external_meeting_id(text("ExternalMeetingId"))
                .set_meeting_host_id(text("MeetingHostId"))
                .set_media_region(text("MediaRegion"))
                .set_notifications_configuration(notifications(members))
                .set_tags(tags(members));
            json!({"Meeting": meeting(call.send().await.map_err(exception)?.meeting)})
        }
        "CreateMeetingWithAttendees" => {
            let call = client
                .create_meeting_with_attendees()
                .set_client_request_token(text("ClientRequestToken"))
                .set_attendees(items(members));
            let output = call.send().await.map_err(exception)?;
            json!({"Meeting": meeting(output.meeting), "Attendees": attendees(output.attendees)})
        }
        "GetMeeting" => {
            let call = client.get_meeting().set_meeting_id(meeting_id);
            json!({"Meeting": meeting(call.send().await.map_err(exception)?.meeting)})
        }
        "DeleteMeeting" => {
            let call = client.delete_meeting().set_meeting_id(meeting_id);
            call.send().await.map_err(exception).map(|_| json!({}))?
        }
        "CreateAttendee" => {
            let call = client.create_attendee().set_meeting_id(meeting_id);
            let call = call.set_external_user_id(text("ExternalUserId")).set_tags(tags(members));
            json!({"Attendee": attendee(call.send().await.map_err(exception)?.attendee)})
        }
        "BatchCreateAttendee" => {
            let call = client.batch_create_attendee().set_meeting_id(meeting_id);
            let output = call.set_attendees(items(members)).send().await.map_err(exception)?;
            json!({"Attendees": attendees(output.attendees)})
        }
        "GetAttendee" => {
            let call = client.get_attendee().set_meeting_id(meeting_id);
            let output = call.set_attendee_id(text("AttendeeId")).send().await;
            json!({"Attendee": attendee(output.map_err(exception)?.attendee)})
        }
        "ListAttendees" => {
            let call = client.list_attendees().set_meeting_id(meeting_id);
            let call = call.set_next_token(text("NextToken")).set_max_results(max_results);
            let output = call.send().await.map_err(exception)?;
            json!({"Attendees": attendees(output.attendees), "NextToken": output.next_token})
        }
        "DeleteAttendee" => {
            let call = client.delete_attendee().set_meeting_id(meeting_id);
            let output = call.set_attendee_id(text("AttendeeId")).send().await;
            output.map_err(exception).map(|_| json!({}))?
        }
        "StartMeetingTranscription" => {
            let settings = EngineTranscribeSettings::builder();
            let settings = settings.language_code(TranscribeLanguageCode::EnUs).build();
            let configuration = TranscriptionConfiguration::builder();
            let configuration = configuration.engine_transcribe_settings(settings).build();
            let call = client.start_meeting_transcription().set_meeting_id(meeting_id);
            let output = call.transcription_configuration(configuration).send().await;
            output.map_err(exception).map(|_| json!({}))?
        }
        "StopMeetingTranscription" => {
            let call = client.stop_meeting_transcription().set_meeting_id(meeting_id);
            call.send().await.map_err(exception).map(|_| json!({}))?
        }
        "ListMeetings" => {
            let call = client.list_meetings().set_max_results(max_results);
            let output = call.set_next_token(text("NextToken")).send().await.map_err(exception)?;
            let meetings = output.meetings.unwrap_or_default().into_iter();
            let meetings: Vec<_> = meetings.map(|it| meeting(Some(it))).collect();
            json!({"Meetings": meetings, "NextToken": output.next_token})
        }
        "TagAttendee" => {
            let call = client.tag_attendee().set_meeting_id(meeting_id);
            let call = call.set_attendee_id(text("AttendeeId")).set_tags(tags(members));
            call.send().await.map_err(exception).map(|_| json!({}))?
        }
        "UntagAttendee" => {
            let call = client.untag_attendee().set_meeting_id(meeting_id).tag_keys("role");
            let output = call.set_attendee_id(text("AttendeeId")).send().await;
            output.map_err(exception).map(|_| json!({}))?
        }
        "ListAttendeeTags" => {
            let call = client.list_attendee_tags().set_meeting_id(meeting_id);
            let output = call.set_attendee_id(text("AttendeeId")).send().await;
            output.map_err(exception).map(|_| json!({}))?
        }
        _ => panic!("{operation}"),
    })
}

/// The typed exception's name and message.
fn exception<E: Error + Send + Sync + 'static>(error: SdkError<E, impl Debug>) -> Value {
    let error = error.into_source().unwrap_or_else(|error| format!("{error:?}").into());
    // As in NotFoundException(NotFoundException { … }). An unmodelled exception is Unhandled.
    let name = format!("{error:?}");
    let name = name.split('(').nth(1).unwrap_or_default().split([' ', '{']).next();
    json!({"exception": name, "message": error.to_string()})
}

fn notifications(members: &Value) -> Option<MeetingNotificationConfiguration> {
    let targets = members["NotificationsConfiguration"].as_object()?;
    let arn = |name: &str| targets.get(name)?.as_str().map(str::to_owned);
    let builder = MeetingNotificationConfiguration::builder();
    let builder = builder.set_sns_topic_arn(arn("SnsTopicArn"));
    Some(builder.set_sqs_queue_arn(arn("SqsQueueArn")).build())
}

fn tags(members: &Value) -> Option<Vec<Tag>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tag =
        |tag: &Value| Tag::builder().key(text(&tag["Key"])).value(text(&tag["Value"])).build();
    members["Tags"].as_array().map(|tags| tags.iter().filter_map(|it| tag(it).ok()).collect())
}

fn items(members: &Value) -> Option<Vec<CreateAttendeeRequestItem>> {
    let item = |item: &Value| {
        let builder = CreateAttendeeRequestItem::builder().set_tags(tags(item));
        builder.external_user_id(item["ExternalUserId"].as_str()?).build().ok()
    };
    members["Attendees"].as_array().map(|items| items.iter().filter_map(item).collect())
}

fn attendees(attendees: Option<Vec<Attendee>>) -> Vec<Value> {
    attendees.unwrap_or_default().into_iter().map(|it| attendee(Some(it))).collect()
}

fn attendee(attendee: Option<Attendee>) -> Value {
    attendee.map_or(Value::Null, |attendee| {
        json!({
            "AttendeeId": attendee.attendee_id,
            "ExternalUserId": attendee.external_user_id,
            "JoinToken": attendee.join_token,
        })
    })
}

fn meeting(meeting: Option<Meeting>) -> Value {
    let placement = |meeting: &Meeting| {
        let placement = meeting.media_placement.clone()?;
        Some(json!({
            "AudioHostUrl": placement.audio_host_url,
            "EventIngestionUrl": placement.event_ingestion_url,
            "SignalingUrl": placement.signaling_url,
        }))
    };
    meeting.map_or(Value::Null, |meeting| {
        let mut members = json!({
            "MeetingId": meeting.meeting_id,
            "MediaRegion": meeting.media_region,
            "MediaPlacement": placement(&meeting),
        });
        if let Some(id) = meeting.external_meeting_id {
            members["ExternalMeetingId"] = id.into();
        }
        members
    })
}
