//! The API: authorizes the caller and dispatches to the operation.
//!
//! The gateway performs the operations of clients only through [`Api::perform`], which authorizes the caller first.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;

use crate::caller::AllowedCallers;
use crate::chime_sdk::ChimeSdk;
use crate::client;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::media_plane::chime_sdk_meetings::ChimeSdkMeetings;
use crate::media_plane::templates::Templates;
use crate::media_plane::{MediaPlane, TokenScope};
use crate::meeting::Guid;
use crate::operation::{Handling, Operation, Route};
use crate::operations::create_meeting::CreateMeeting;
use crate::operations::create_meeting_with_attendees::CreateMeetingWithAttendees;
use crate::operations::relay::Relay;
use crate::operations::{list_meetings, meeting_ended};
use crate::response::Response;
use crate::settings::{MediaPlaneSettings, Settings};
use crate::store::Store;

/// The operations, and who may call them.
#[derive(Debug)]
pub struct Api {
    allowed_callers: AllowedCallers,
    /// The operation that every media plane supports. The others need its media plane to be `chime-sdk-meetings`.
    create_meeting: CreateMeeting,
}

impl Api {
    /// The API with these settings. It reaches remote services by `connector`, with `credentials`.
    #[must_use]
    pub fn new(
        settings: Settings,
        connector: SharedHttpConnector,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        let dynamodb = client::dynamodb(&settings, connector.clone(), credentials.clone());
        let media_plane = match settings.media_plane {
            MediaPlaneSettings::Templates { domain } => {
                MediaPlane::Templates(Templates::new(domain))
            }
            MediaPlaneSettings::ChimeSdkMeetings(chime) => {
                let scope = TokenScope {
                    region: settings.region,
                    table: settings.table.clone(),
                    token_window: settings.meeting_lifetime.min(ChimeSdkMeetings::MAX_TOKEN_WINDOW),
                };
                let client =
                    ChimeSdk::new(connector, credentials, chime.region, &chime.endpoint_url);
                let chime = ChimeSdkMeetings::new(client, chime.sends_notifications, scope);
                MediaPlane::ChimeSdkMeetings(Box::new(chime))
            }
        };
        let create_meeting = CreateMeeting {
            store: Store::new(dynamodb, settings.table, settings.daily_limit),
            media_plane,
            meeting_lifetime: settings.meeting_lifetime,
            replays_reused_tokens: settings.replays_reused_tokens,
        };
        Self { allowed_callers: settings.allowed_callers, create_meeting }
    }

    /// Opens the connections ahead of the first request.
    pub async fn warm_up(&self) {
        let CreateMeeting { store, media_plane, .. } = &self.create_meeting;
        match media_plane {
            MediaPlane::Templates(_) => store.warm_up().await,
            MediaPlane::ChimeSdkMeetings(chime) => {
                tokio::join!(store.warm_up(), chime.client().warm_up());
            }
        }
    }

    /// Marks a meeting that has ended, and returns whether it was created here. No client asks for that: the Amazon Chime
    /// SDK tells it.
    ///
    /// # Errors
    /// Those of the table.
    pub async fn meeting_ended(
        &self,
        meeting_id: &Guid,
        invocation: Invocation<'_>,
    ) -> Result<bool, Error> {
        match self.create_meeting.media_plane {
            // Its rule may outlive the other media plane for a moment.
            MediaPlane::Templates(_) => Ok(false),
            MediaPlane::ChimeSdkMeetings(_) => {
                meeting_ended::perform(&self.create_meeting.store, meeting_id, invocation).await
            }
        }
    }

    /// Performs the operation of `route`.
    ///
    /// # Errors
    /// `UnauthorizedClient` or `Forbidden` if the caller is not allowed, `BadRequest` for an unsupported operation,
    /// and the errors of the operation.
    pub async fn perform(
        &self,
        route: &Route<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Response, Error> {
        let account = self.allowed_callers.authorize(&route.request.caller)?;
        let create_meeting = &self.create_meeting;
        match (route.operation.handling, &create_meeting.media_plane) {
            (Handling::CreateMeeting, _) => {
                create_meeting.perform(account, route, invocation).await
            }
            (_, MediaPlane::Templates(_)) => {
                let reason = "It supports CreateMeeting (POST /meetings) only.";
                Err(unsupported(route.operation, reason))
            }
            // Boxed to keep the future of the operation above small.
            (Handling::CreateMeetingWithAttendees, MediaPlane::ChimeSdkMeetings(chime)) => {
                let operation = CreateMeetingWithAttendees { create_meeting, chime };
                Box::pin(operation.perform(account, route, invocation)).await
            }
            (Handling::ListMeetings, MediaPlane::ChimeSdkMeetings(_)) => {
                let store = &create_meeting.store;
                Box::pin(list_meetings::perform(store, account, route, invocation)).await
            }
            (Handling::Relay(input, output), MediaPlane::ChimeSdkMeetings(chime)) => {
                let store = &create_meeting.store;
                let relay = Relay { store, chime, input, output };
                Box::pin(relay.perform(account, route, invocation)).await
            }
            (Handling::Unsupported(reason), MediaPlane::ChimeSdkMeetings(_)) => {
                Err(unsupported(route.operation, reason))
            }
        }
    }
}

fn unsupported(operation: &Operation, reason: &str) -> Error {
    Error::bad_request(format!("This endpoint does not support {}. {reason}", operation.name))
}
