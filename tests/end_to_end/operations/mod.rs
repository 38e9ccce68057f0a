//! The runbook's queries, the alarms and the dashboard, compared with the function's actual log
//! entries.

mod alarms;
mod metrics;
mod runbook;

use local::chime_sdk::{Answer, Fault as ChimeFault};
use serde_json::{Value, json};

use crate::support::Answer::{Closed, Refusal, Slow};
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Fault, Function, Reply, Source, template,
};

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
/// The meeting that the runbook looks for.
const MEETING: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

const JSON: (&str, &str) = ("AWS_LAMBDA_LOG_FORMAT", "JSON");

/// Log entries of all kinds, including one of a meeting whose ID is [`MEETING`].
async fn lines() -> Vec<Value> {
    // Also one of Lambda's own entries ("Lambda Telemetry API Event schema" in its developer guide).
    let of_lambda =
        r#"{"type": "platform.report", "record": {"requestId": "1", "status": "timeout"}}"#;
    let others = [serde_json::from_str(of_lambda).unwrap(), access_log_line("THROTTLED")];
    [templates_lines().await, chime_sdk_lines().await, others.into()].concat()
}

/// Log entries with the media plane `templates`.
async fn templates_lines() -> Vec<Value> {
    let dynamodb = DynamoDb::start().await;
    let settings = [JSON, ("ALLOWED_ACCOUNT_IDS", CALLER), ("DAILY_MEETING_LIMIT", "1")];
    let function = Function::start_with(&dynamodb, &settings).await;
    let created = requests_of_all_kinds(&function, &dynamodb).await;
    parsed(&function.process.stop().await.replace(&created.meeting_id(), MEETING))
}

/// Sends requests of all kinds that do not depend on the media plane. The response is that to the
/// first one, which creates a meeting.
async fn requests_of_all_kinds(function: &Function, dynamodb: &DynamoDb) -> Reply {
    let created = function.invoke(&Event::rest()).await;
    for vary in [Event::replay, Event::mismatch, Event::invalid, Event::anonymous] {
        function.invoke(&vary(Event::rest())).await;
    }
    let account = "/requestContext/identity/accountId";
    for (pointer, value) in
        [(account, "444455556666"), ("/resource", "/elsewhere"), ("/httpMethod", "PUT")]
    {
        function.invoke(&Event::rest().set(pointer, json!(value))).await;
    }
    function.invoke(&Event::rest().full()).await;
    function.invoke_raw("{}").await.unwrap_err();
    let throttled = Refusal(400, "ThrottlingException");
    dynamodb.set_faults([Fault::before(throttled)]);
    function.invoke(&Event::rest()).await;
    for fault in [Closed, throttled, Refusal(400, "AccessDeniedException")] {
        dynamodb.set_fault(Fault::before(fault));
        function.invoke(&Event::rest()).await;
    }
    dynamodb.set_faults([]);
    created
}

fn parsed(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An entry of API Gateway's access log for a request that it rejected with this gateway response,
/// or passed on (`-`).
fn access_log_line(gateway_response: &str) -> Value {
    let format = &template()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"];
    let line = format.as_str().unwrap().replace("$context.error.responseType", gateway_response);
    serde_json::from_str(&line).unwrap()
}

/// Log entries with the media plane `chime-sdk-meetings`.
async fn chime_sdk_lines() -> Vec<Value> {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON, ("ALLOWED_ACCOUNT_IDS", CALLER)]).await;
    let created = requests_of_all_kinds(&function, &dynamodb).await;
    let meeting = format!("/meetings/{}", created.meeting_id());
    for path in [&*meeting, "/meetings"] {
        function.invoke(&Call::new("GET", path).event(Source::HttpRoute)).await;
    }
    // Neither that it has ended nor that it was deleted can be stored.
    let ended = Event::named("meeting-ended").set("/detail/meetingId", json!(created.meeting_id()));
    let denied = Fault::before(Refusal(400, "AccessDeniedException"));
    dynamodb.set_faults([Fault::after(Slow), denied]);
    function.invoke_raw(ended.0.to_string()).await.unwrap();
    dynamodb.set_faults([Fault::after(Slow), denied]);
    function.invoke(&Call::new("DELETE", &meeting).event(Source::HttpRoute)).await;
    let stop = Call::new("POST", format!("{meeting}/transcription")).query("operation", "stop");
    let next = Event::create(&json!({"ClientRequestToken": "next"}));
    for (status, error, event) in [
        (403, "ForbiddenException", next.clone()),
        (429, "ThrottlingException", next.clone()),
        (400, "LimitExceededException", next),
        (422, "UnprocessableEntityException", stop.event(Source::HttpRoute)),
    ] {
        chime.service.set_fault(ChimeFault::before(Answer::Refusal(status, error)));
        function.invoke(&event).await;
    }
    parsed(&function.process.stop().await)
}

fn dashboard() -> Value {
    let template = template();
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"];
    let alarm = body[1]["AlarmOfNotifications"][1].as_str().unwrap();
    let alarms = body[1]["AlarmsOfUpstream"][1].as_str().unwrap();
    let body = body[0].as_str().unwrap().replace("${AlarmOfNotifications}", alarm);
    serde_json::from_str(&body.replace("${AlarmsOfUpstream}", alarms)).unwrap()
}
