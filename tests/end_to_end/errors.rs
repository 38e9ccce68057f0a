//! Responses to `DynamoDB`'s errors.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::support::{Answer, DynamoDb, Event, Fault, Function};

#[tokio::test]
async fn each_dynamodb_error_maps_to_an_api_error() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let failure = (500, "ServiceFailureException", "ServiceFailure", None);
    let unavailable = (503, "ServiceUnavailableException", "ServiceUnavailable", Some("1"));
    let throttled = (429, "ThrottledClientException", "Throttled", Some("1"));
    for (status, code, expected) in [
        (400, "ProvisionedThroughputExceededException", throttled),
        (400, "RequestLimitExceeded", throttled),
        (400, "ThrottlingException", throttled),
        (400, "ResourceNotFoundException", failure),
        (400, "AccessDeniedException", failure),
        (400, "UnrecognizedClientException", failure),
        (400, "ValidationException", failure),
        (400, "InvalidEndpointException", failure),
        (400, "ItemCollectionSizeLimitExceededException", failure),
        (400, "TransactionConflictException", unavailable),
        (400, "ReplicatedWriteConflictException", unavailable),
        (500, "InternalServerError", unavailable),
        (503, "ServiceUnavailable", unavailable),
    ] {
        dynamodb.set_fault(Fault::before(Answer::Refusal(status, code)));

        let reply = function.invoke(&Event::rest()).await;

        let header = |name: &str| reply.headers.get(name).map(String::as_str);
        let (status, name, short, retry_after) = expected;
        assert_eq!(reply.status, status, "{code}: {reply:?}");
        assert_eq!(header("x-amzn-errortype"), Some(name));
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("x-amzn-requestid"), Some("5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e"));
        assert_eq!(header("retry-after"), retry_after);
        assert_eq!(header("x-amz-retry-after"), retry_after.map(|_| "1000"));
        assert_eq!(reply.json()["Code"], short);
        // Internals are logged, but not revealed to the client.
        assert!(!reply.body.contains("Dynamo") && !reply.body.contains("on purpose"));
        function.process.logged(&format!("{code} on purpose")).await;
    }
    dynamodb.set_faults([]);
    let reply = function.invoke(&Event::rest()).await;
    assert_eq!((reply.status, reply.is_replay()), (201, false), "no failure created a meeting");
}

#[tokio::test]
async fn a_missing_table_is_a_server_side_fault() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("MEETINGS_TABLE", "Elsewhere")]).await;

    let reply = function.invoke(&Event::rest()).await;

    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.body,
        r#"{"Code":"ServiceFailure","Message":"The service encountered an unexpected error.","RequestId":"5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e","Resource":null}"#,
    );
    function.process.logged("ResourceNotFoundException").await;
}

#[tokio::test]
async fn an_unreachable_dynamodb_makes_the_service_unavailable() {
    let mut dynamodb = DynamoDb::start().await;
    // Nothing listens on the discard port.
    dynamodb.endpoint = "http://127.0.0.1:9".into();
    let function = Function::start(&dynamodb).await;

    let reply = function.invoke(&Event::rest()).await;

    assert_eq!((reply.status, reply.headers["retry-after"].as_str()), (503, "1"), "{reply:?}");
}

#[tokio::test]
async fn an_unreadable_item_is_a_server_side_fault_and_is_not_quoted() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let created = function.invoke(&Event::rest()).await;
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    let mut broken = item.clone();
    broken.insert("NotificationsConfiguration".into(), AttributeValue::S("s3cr3t".into()));
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(broken));
    put.send().await.unwrap();

    let reply = function.invoke(&Event::rest().replay()).await;

    assert_eq!(reply.headers["x-amzn-errortype"], "ServiceFailureException", "{reply:?}");
    let id = created.json()["Meeting"]["MeetingId"].as_str().unwrap().to_owned();
    function.process.logged(&format!("the item of meeting {id} cannot be read")).await;
    assert!(!function.process.stop().await.contains("s3cr3t"));
}

#[tokio::test]
async fn an_item_with_unknown_types_is_a_server_side_fault() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for refusal in [
        r#"{"__type": "a#ConditionalCheckFailedException", "Item": {"MeetingId": {"S": "its-id"}, "Tags": {"M": {"a": {"X": "s3cr3t"}}}}}"#,
        r#"{"__type": "a#ConditionalCheckFailedException", "Item": {"MeetingId": {"S": "its-id"}, "Tags": {"L": [{"X": "s3cr3t"}]}}}"#,
        r#"{"__type": "a#ConditionalCheckFailedException", "Item": {"MeetingId": {"S": "its-id"}}}"#,
    ] {
        dynamodb.set_fault(Fault::before(Answer::Raw(400, refusal)));
        let reply = function.invoke(&Event::rest()).await;
        assert_eq!(reply.status, 500, "{reply:?}");
    }
    let without = r#"{"__type": "a#ConditionalCheckFailedException"}"#;
    dynamodb.set_fault(Fault::before(Answer::Raw(400, without)));
    assert_eq!(function.invoke(&Event::rest()).await.status, 500);
    let log = function.process.stop().await;
    assert!(log.contains("DynamoDB rejected the write but returned no item"), "{log}");
    assert_eq!(log.matches("the item of meeting its-id cannot be read").count(), 3, "{log}");
    assert!(!log.contains("panic") && !log.contains("s3cr3t"), "{log}");
}
