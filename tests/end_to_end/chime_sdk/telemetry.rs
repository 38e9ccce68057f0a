//! Telemetry of calls to the service.

use local::chime_sdk::Answer::{Raw, Refusal};
use local::chime_sdk::Fault;
use serde_json::json;

use crate::support::{Chime, DynamoDb, Event};

#[tokio::test]
async fn a_log_entry_contains_what_the_service_calls_took() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let throttled = Fault::before(Refusal(429, "ThrottlingException"));
    chime.service.set_faults([throttled]);
    function.invoke(&Event::rest()).await;
    function.invoke(&Event::rest().replay()).await;
    chime.service.set_faults([Fault::before(Refusal(400, "LimitExceededException"))]);
    function.invoke(&Event::rest().full()).await;

    let records = function.process.records(3).await;

    let [created, replayed, limited] = &records[..] else { panic!("{records:?}") };
    for (field, value) in [("upstreamAttempts", 2), ("upstreamThrottles", 1), ("storeAttempts", 2)]
    {
        assert_eq!(created[field], json!(value), "{field}: {created}");
    }
    assert!(created["upstreamLatency"].is_number() && created["storeLatency"].is_number());
    // A read, and a transaction with its entry in the index.
    assert_eq!(created["consumedCapacity"], 1.0 + 5.0, "{created}");
    assert!(created["upstreamRequestId"].is_string(), "{created}");
    assert_eq!(replayed.get("upstreamAttempts"), None, "{replayed}");
    assert_eq!(
        (&limited["UpstreamLimitExceeded"], &limited["outcome"]),
        (&json!(1), &json!("refused"))
    );
    assert_eq!(created.get("UpstreamLimitExceeded"), None);
}

#[tokio::test]
async fn unexpected_service_responses_are_counted_as_upstream_errors() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let answers = [
        Refusal(403, "AccessDeniedException"),
        Refusal(404, "NotFoundException"),
        // The function had accepted the request as valid.
        Refusal(400, "BadRequestException"),
        Raw(200, "{}"),
    ];
    for answer in answers {
        chime.service.set_faults([Fault::before(answer)]);
        function.invoke(&Event::rest()).await;
    }
    for record in function.process.records(answers.len()).await {
        assert_eq!(record["UpstreamErrors"], 1, "{record}");
        assert_eq!(record.get("StoreErrors"), None);
    }
    chime.assert_valid().await;
}

/// The service's errors quote the request.
#[tokio::test]
async fn sensitive_values_never_leak_when_the_service_fails() {
    for (format, level) in [("JSON", "TRACE"), ("Text", "DEBUG")] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let settings = [("AWS_LAMBDA_LOG_FORMAT", format), ("AWS_LAMBDA_LOG_LEVEL", level)];
        let function = chime.function(&dynamodb, &settings).await;
        let members = json!({
            "ClientRequestToken": "s3cr3t-token",
            "ExternalMeetingId": "s3cr3t-external",
            "MeetingHostId": "s3cr3t-host",
            "NotificationsConfiguration": {
                "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:s3cr3t-topic",
            },
            "Tags": [{"Key": "s3cr3t-key", "Value": "s3cr3t-value"}],
        });
        for answer in [
            Refusal(400, "ValidationException"),
            Refusal(403, "AccessDeniedException"),
            Refusal(503, "ServiceUnavailableException"),
            Raw(200, r#"{"Meeting": {"MeetingId": "s3cr3t"}}"#),
        ] {
            chime.service.set_fault(Fault::before(answer));
            let reply = function.invoke(&Event::create(&members)).await;
            assert!(!reply.body.contains("s3cr3t"), "{reply:?}");
        }
        chime.service.set_faults([]);
        assert_eq!(function.invoke(&Event::create(&members)).await.status, 201);

        let output = function.process.stop().await;

        assert!(
            output.contains("ServiceFailureException") && !output.contains("s3cr3t"),
            "{output}"
        );
    }
}
