//! What `DynamoDB`'s errors become.

use crate::support::{DynamoDb, Event, Fault, Function};

#[tokio::test]
async fn what_dynamodb_answers_becomes_an_error_of_the_api() {
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
        (500, "InternalServerError", unavailable),
        (503, "ServiceUnavailable", unavailable),
    ] {
        dynamodb.set_fault(Some(Fault::Refuse(status, code)));

        let reply = function.invoke(&Event::named("rest-create")).await;

        let header = |name: &str| reply.headers.get(name).map(String::as_str);
        let (status, name, short, retry_after) = expected;
        assert_eq!(reply.status, status, "{code}: {reply:?}");
        assert_eq!(header("x-amzn-errortype"), Some(name));
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("x-amzn-requestid"), Some("5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e"));
        assert_eq!(header("retry-after"), retry_after);
        assert_eq!(header("x-amz-retry-after"), retry_after.map(|_| "1000"));
        assert_eq!((&reply.json()["__type"], &reply.json()["Code"]), (&name.into(), &short.into()));
        // The client learns nothing of the inside, the log everything.
        assert!(!reply.body.contains("Dynamo") && !reply.body.contains("as the test wants it"));
        function.logged(code).await;
    }
    dynamodb.set_fault(None);
    let reply = function.invoke(&Event::named("rest-create")).await;
    assert_eq!((reply.status, reply.is_replay()), (201, false), "no failure has created a meeting");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_our_own_fault() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("MEETINGS_TABLE", "Elsewhere")]).await;

    let reply = function.invoke(&Event::named("rest-create")).await;

    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.body,
        r#"{"__type":"ServiceFailureException","Code":"ServiceFailure","Message":"The service encountered an unexpected error."}"#,
    );
    function.logged("ResourceNotFoundException").await;
}

#[tokio::test]
async fn a_dynamodb_out_of_reach_is_an_unavailable_service() {
    let mut dynamodb = DynamoDb::start().await;
    // Nothing listens on the discard port.
    dynamodb.endpoint = "http://127.0.0.1:9".into();
    let function = Function::start(&dynamodb).await;

    let reply = function.invoke(&Event::named("rest-create")).await;

    assert_eq!((reply.status, reply.headers["retry-after"].as_str()), (503, "1"), "{reply:?}");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_our_own_fault() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    function.invoke(&Event::named("rest-create")).await;
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    let mut broken = item.clone();
    broken.remove("MediaPlacement");
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(broken));
    put.send().await.unwrap();

    let reply = function.invoke(&Event::named("rest-replay")).await;

    assert_eq!(reply.headers["x-amzn-errortype"], "ServiceFailureException", "{reply:?}");
    function.logged("MediaPlacement").await;
}
