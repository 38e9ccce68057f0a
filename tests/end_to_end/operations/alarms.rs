//! The alarms, evaluated on actual log entries.

use aws_sdk_dynamodb::types::AttributeValue;
use local::chime_sdk::{Answer, Fault as ChimeFault};
use serde_json::{Value, json};

use super::runbook::filter_matches;
use super::{JSON, access_log_line, parsed};
use crate::support::Answer::{Closed, Refusal, Slow};
use crate::support::{
    Call, Chime, DynamoDb, Event, Fault, Function, Source, metric_names, template,
};

/// Whether an alarm fires on log entries that are less than 15 minutes old. Supports only sums.
fn fires(name: &str, lines: &[Value]) -> bool {
    let alarm = json!(template()["Resources"][name]["Properties"]);
    let of_quarter_of_an_hour = |metric: &Value, period: &Value, statistic: &Value| {
        assert_eq!((period, statistic), (&json!(900), &json!("Sum")), "{name}");
        let values = lines.iter().filter_map(|line| line[metric.as_str().unwrap()].as_u64());
        values.sum::<u64>()
    };
    let value = if let Some([sum, metrics @ ..]) = alarm["Metrics"].as_array().map(Vec::as_slice) {
        assert_eq!(sum["Expression"], "SUM(FILL(METRICS(), 0))", "{name}");
        let stats = metrics.iter().map(|metric| &metric["MetricStat"]);
        let sums = stats.map(|stat| {
            of_quarter_of_an_hour(&stat["Metric"]["MetricName"], &stat["Period"], &stat["Stat"])
        });
        sums.sum()
    } else {
        of_quarter_of_an_hour(&alarm["MetricName"], &alarm["Period"], &alarm["Statistic"])
    };
    // CloudWatch moves the window each minute ("Alarm evaluation windows" in its user guide).
    assert_eq!(alarm["EvaluationPeriods"], 1, "{name}");
    assert_eq!(alarm["ComparisonOperator"], "GreaterThanOrEqualToThreshold", "{name}");
    value >= alarm["Threshold"].as_u64().unwrap()
}

#[tokio::test]
async fn two_requests_that_fail_within_15_minutes_fire_an_alarm() {
    let denied = Refusal(400, "AccessDeniedException");
    let throttled = Refusal(400, "ThrottlingException");
    for (alarm, fault, status) in [
        ("StoreErrorsAlarm", Fault::before(Closed), 503),
        ("StoreThrottlesAlarm", Fault::before(throttled), 429),
        ("ServiceFailuresAlarm", Fault::before(denied), 500),
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = Function::start_with(&dynamodb, &[JSON]).await;
        dynamodb.set_fault(fault);
        assert_two_fire(alarm, function, status).await;
    }
    for (alarm, answer, status) in [
        ("UpstreamErrorsAlarm", Answer::Closed, 503),
        ("UpstreamErrorsAlarm", Answer::Refusal(403, "ForbiddenException"), 500),
        ("UpstreamQuotaAlarm", Answer::Refusal(429, "ThrottlingException"), 429),
        ("UpstreamQuotaAlarm", Answer::Refusal(400, "LimitExceededException"), 400),
    ] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[JSON]).await;
        chime.service.set_fault(ChimeFault::before(answer));
        assert_two_fire(alarm, function, status).await;
    }
}

async fn assert_two_fire(alarm: &str, function: Function, status: u64) {
    for _ in 0..2 {
        assert_eq!(function.invoke(&Event::rest()).await.status, status, "{alarm}");
    }
    let lines = requests(function).await;
    assert!(fires(alarm, &lines), "{alarm}: {lines:?}");
    assert!(!fires(alarm, &lines[..1]), "{alarm}: {lines:?}");
}

/// The log entries of a function's requests.
async fn requests(function: Function) -> Vec<Value> {
    let lines = parsed(&function.process.stop().await);
    lines.into_iter().filter(|line| line.get("_aws").is_some()).collect()
}

/// The first of these requests leaves a meeting in the Amazon Chime SDK that nobody knows of.
#[tokio::test]
async fn denied_puts_fire_an_alarm_although_reads_work() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON]).await;
    for _ in 0..2 {
        let denied = Fault::before(Refusal(400, "AccessDeniedException"));
        dynamodb.set_faults([Fault::after(Slow), denied]);
        assert_eq!(function.invoke(&Event::rest()).await.status, 500);
    }
    assert_eq!(dynamodb.take_operations(), ["GetItem", "TransactWriteItems", "GetItem", "PutItem"]);
    assert!(fires("ServiceFailuresAlarm", &requests(function).await));
}

#[tokio::test]
async fn throttles_that_no_client_sees_are_fields_and_fire_no_alarm() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON]).await;
    for token in ["t1", "t2", "t3"] {
        dynamodb.set_faults([Fault::before(Refusal(400, "ThrottlingException"))]);
        let throttled = Answer::Refusal(429, "ThrottlingException");
        chime.service.set_faults([ChimeFault::before(throttled)]);
        let event = Event::create(&json!({"ClientRequestToken": token}));
        assert_eq!(function.invoke(&event).await.status, 201);
    }
    let lines = requests(function).await;
    for line in &lines {
        assert_eq!((&line["storeThrottles"], &line["upstreamThrottles"]), (&json!(1), &json!(1)));
        assert_eq!(metric_names(line), ["Latency", "Created"]);
    }
    assert!(!fires("StoreThrottlesAlarm", &lines) && !fires("UpstreamQuotaAlarm", &lines));
}

/// The client gets the stored meeting, or learns that it used the token for another one.
#[tokio::test]
async fn failed_checks_whether_a_meeting_has_ended_are_fields_and_fire_no_alarm() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON]).await;
    function.invoke(&Event::rest()).await;
    let [mut item] = <[_; 1]>::try_from(dynamodb.meetings().await).unwrap();
    item.insert("CreatedAt".into(), AttributeValue::S("2026-01-01T00:00:00.000Z".into()));
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item));
    put.send().await.unwrap();
    for (status, error) in [(403, "ForbiddenException"), (429, "ThrottlingException")] {
        chime.service.set_fault(ChimeFault::before(Answer::Refusal(status, error)));
        assert!(function.invoke(&Event::rest()).await.is_replay());
        assert_eq!(function.invoke(&Event::rest().mismatch()).await.status, 400);
    }
    let lines = &requests(function).await[1..];
    for line in lines {
        assert!(line["upstreamAttempts"].as_u64() >= Some(1), "{line}");
        let outcome = if line["status"] == 201 { "Replayed" } else { "Conflicted" };
        assert_eq!(metric_names(line), ["Latency", outcome]);
    }
    assert_eq!(lines.len(), 4);
    assert!(!fires("UpstreamErrorsAlarm", lines) && !fires("UpstreamQuotaAlarm", lines));
}

/// The client gets its response, and a later check finds out that the meeting has ended.
#[tokio::test]
async fn an_end_that_cannot_be_stored_is_a_field_and_fires_no_alarm() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON]).await;
    for token in ["t1", "t2"] {
        let event = Event::create(&json!({"ClientRequestToken": token}));
        let meeting = function.invoke(&event).await.meeting_id();
        let denied = Fault::before(Refusal(400, "AccessDeniedException"));
        dynamodb.set_faults([Fault::after(Slow), denied]);
        let delete = Call::new("DELETE", format!("/meetings/{meeting}")).event(Source::RestRoute);
        assert_eq!(function.invoke(&delete).await.status, 204);
    }
    let lines = requests(function).await;
    let deletions: Vec<_> = lines.into_iter().filter(|line| line["status"] == 204).collect();
    for line in &deletions {
        let error = line["markError"].as_str().unwrap();
        assert!(error.contains("AccessDeniedException"), "{line}");
        assert_eq!(metric_names(line), ["Latency", "Relayed"]);
    }
    assert_eq!(deletions.len(), 2);
    for alarm in ["ServiceFailuresAlarm", "StoreErrorsAlarm", "StoreThrottlesAlarm"] {
        assert!(!fires(alarm, &deletions), "{alarm}");
    }
}

/// API Gateway counts its own 429s among the 4xx errors.
#[test]
fn requests_that_api_gateway_throttles_fire_an_alarm() {
    let template = template();
    let resource = |name: &str| template["Resources"][name]["Properties"].clone();
    let filter = resource("GatewayThrottlesFilter");
    let alarm = resource("GatewayThrottlesAlarm");
    let metric = &filter["MetricTransformations"][0];
    assert_eq!(metric["MetricNamespace"], alarm["Namespace"]);
    assert_eq!(
        (&metric["MetricName"], &metric["MetricValue"]),
        (&alarm["MetricName"], &"1".into())
    );
    assert!(alarm["Dimensions"].is_null());
    let pattern = filter["FilterPattern"].as_str().unwrap();
    let pattern = pattern.strip_prefix("{ ").unwrap().strip_suffix(" }").unwrap();
    let pattern = pattern.replace(" || ", " or ").replace("$.", "");
    for (gateway_response, counts) in
        [("THROTTLED", true), ("QUOTA_EXCEEDED", true), ("ACCESS_DENIED", false), ("-", false)]
    {
        let line = access_log_line(gateway_response);
        assert_eq!(filter_matches(&pattern, &line), counts, "{gateway_response}");
    }
    let rejected = vec![json!({"GatewayThrottles": 1}); 2];
    assert!(fires("GatewayThrottlesAlarm", &rejected));
    assert!(!fires("GatewayThrottlesAlarm", &rejected[..1]));
}
