//! The runbook's queries, the alarms and the dashboard, compared with the function's actual log
//! entries.

use std::collections::BTreeSet;
use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use local::chime_sdk::{Answer, Fault as ChimeFault};
use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::support::Answer::{Closed, Refusal, Slow};
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Fault, Function, Reply, Source, metric_names, template,
};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");
/// Contains the name of each error.
const ERRORS: &str = include_str!("../../src/error.rs");
/// The metrics of every stack.
const METRICS: [&str; 10] = [
    "Conflicted",
    "Created",
    "Failed",
    "GatewayThrottles",
    "Latency",
    "Refused",
    "Replayed",
    "ServiceFailureException",
    "StoreErrors",
    "StoreThrottles",
];
/// The additional metrics with the Amazon Chime SDK.
const METRICS_OF_CHIME_SDK: [&str; 4] =
    ["Relayed", "UpstreamErrors", "UpstreamLimitExceeded", "UpstreamThrottles"];
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
    function.invoke(&Call::new("GET", &meeting).event(Source::HttpRoute)).await;
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

/// Whether a `CloudWatch` Logs Insights filter matches an entry. Supports only the runbook's
/// syntax.
fn filter_matches(filter: &str, line: &Value) -> bool {
    if let Some((one, other)) = filter.split_once(" or ") {
        return filter_matches(one, line) || filter_matches(other, line);
    }
    if let Some((one, other)) = filter.split_once(" and ") {
        return filter_matches(one, line) && filter_matches(other, line);
    }
    if let Some(condition) = filter.strip_prefix("not ") {
        return !filter_matches(condition, line);
    }
    if let Some(field) = filter.strip_prefix("ispresent(") {
        return at(line, field.strip_suffix(')').unwrap()).is_some();
    }
    if let Some((field, least)) = filter.split_once(" > ") {
        return line[field].as_f64() > Some(least.parse().unwrap());
    }
    if let Some((field, value)) = filter.split_once(" != ") {
        return !filter_matches(&format!("{field} = {value}"), line);
    }
    let (field, value) = filter.split_once(" = ").unwrap_or_else(|| panic!("{filter}"));
    at(line, field) == Some(&serde_json::from_str(&value.replace('\'', "\"")).unwrap())
}

/// The field of an entry with this name or path.
fn at<'a>(line: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(line, |value, name| value.get(name))
}

/// The fields that a command shows, counts or sorts by.
fn fields(command: &str) -> impl Iterator<Item = &str> {
    let words = command.split(|char: char| !char.is_alphanumeric() && !['@', '.'].contains(&char));
    words.skip(1).filter(|word| {
        const NONE: [&str; 10] =
            ["", "by", "desc", "asc", "count", "sum", "avg", "pct", "bin", "99"];
        !NONE.contains(word) && !word.starts_with('@') && *word != "5m"
    })
}

/// All of the function's source.
fn source() -> String {
    WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../src"))
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect()
}

#[test]
fn the_messages_quoted_in_the_runbook_exist_in_the_source() {
    /// Quotes that come from AWS, from libraries or from the console.
    const OTHERS: [&str; 11] = [
        "Concurrent executions",
        "NewImage",
        "TransactionConflict",
        "Upstream",
        "access denied",
        "connect",
        "deadline has elapsed",
        "dns error",
        "does not exist",
        "dynamodb",
        "not authorized",
    ];
    let source = source();
    let prose: String = RUNBOOK.split("```").step_by(2).collect();
    // Code spans may contain quotation marks.
    let prose: String = prose.split('`').step_by(2).collect();
    let prose = prose.split_whitespace().collect::<Vec<_>>().join(" ");
    let quotes: Vec<_> = prose.split('"').skip(1).step_by(2).collect();
    let messages: Vec<_> = quotes.into_iter().filter(|quote| !OTHERS.contains(quote)).collect();
    assert!(messages.len() >= 6, "{messages:?}");
    for part in messages.into_iter().flat_map(|message| message.split('…')) {
        assert!(source.contains(part.trim()), "{part}");
    }
}

/// The runbook's queries and the dashboard's, one line each.
fn queries() -> Vec<String> {
    let blocks = RUNBOOK.split("```logs-insights\n").skip(1);
    let mut queries: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap().trim().replace("\n| ", " | "))
        .collect();
    let widgets = dashboard()["widgets"].as_array().cloned().unwrap();
    let of_dashboard = widgets.iter().filter_map(|widget| widget["properties"]["query"].as_str());
    queries.extend(of_dashboard.map(|query| query.split_once("}' | ").unwrap().1.to_owned()));
    assert_eq!(queries.len(), 17);
    queries
}

#[tokio::test]
async fn each_runbook_query_finds_matching_log_entries() {
    let lines = lines().await;
    for query in queries() {
        let mut found: Vec<_> = lines.iter().collect();
        for command in query.split(" | ") {
            match command.split_once(' ').unwrap() {
                ("filter", filter) => found.retain(|line| filter_matches(filter, line)),
                ("fields" | "stats" | "sort", _) => {
                    for field in fields(command) {
                        let is_there = found.iter().any(|line| at(line, field).is_some());
                        assert!(is_there, "{field} of {query} in {found:#?}");
                    }
                }
                ("limit", number) => assert!(number.parse::<u32>().is_ok()),
                _ => panic!("{command}"),
            }
        }
        assert!(!found.is_empty(), "{query}");
        assert!(!query.contains("filter") || found.len() < lines.len(), "{query}");
    }
}

/// Lambda drops entries below the log level, so those of successful requests, which have only
/// metrics then, are given that level.
#[tokio::test]
async fn at_the_log_level_error_a_successful_request_matches_no_query_for_failures() {
    let dynamodb = DynamoDb::start().await;
    let settings = [JSON, ("AWS_LAMBDA_LOG_LEVEL", "ERROR")];
    let function = Function::start_with(&dynamodb, &settings).await;
    function.invoke(&Event::rest()).await;
    let line = serde_json::from_str(function.process.stop().await.trim()).unwrap();

    let queries = queries();
    let filters = queries.iter().filter_map(|query| query.split(" | ").next());
    let matching: Vec<_> =
        filters.filter(|filter| filter_matches(&filter["filter ".len()..], &line)).collect();

    assert_eq!(
        (&line["level"], &matching[..]),
        (&json!("ERROR"), &["filter ispresent(Latency)"][..])
    );
}

fn dashboard() -> Value {
    let template = template();
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"];
    let alarm = body[1]["AlarmOfNotifications"][1].as_str().unwrap();
    let alarms = body[1]["AlarmsOfUpstream"][1].as_str().unwrap();
    let body = body[0].as_str().unwrap().replace("${AlarmOfNotifications}", alarm);
    serde_json::from_str(&body.replace("${AlarmsOfUpstream}", alarms)).unwrap()
}

/// The widgets' metrics, with the values that a row inherits from the one before it.
fn dashboard_metrics(body: &Value) -> Vec<Vec<String>> {
    let mut metrics: Vec<Vec<String>> = Vec::new();
    for widget in body["widgets"].as_array().unwrap() {
        let mut before: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let words = row.as_array().unwrap().iter().filter_map(Value::as_str);
            let words: Vec<_> = words.collect();
            if words != ["..."] {
                let word = |(index, word): (usize, &&str)| {
                    if *word == "." { before[index].clone() } else { (*word).to_owned() }
                };
                before = words.iter().enumerate().map(word).collect();
            }
            metrics.push(before.clone());
        }
    }
    metrics
}

/// `CloudWatch` bills each metric by its name, those of metric filters included.
#[tokio::test]
async fn a_stack_has_ten_metrics_and_fourteen_with_the_amazon_chime_sdk() {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap().values();
    let of_filters = resources
        .filter(|resource| resource["Type"] == "AWS::Logs::MetricFilter")
        .flat_map(|filter| filter["Properties"]["MetricTransformations"].as_sequence().unwrap())
        .map(|metric| metric["MetricName"].as_str().unwrap());
    let of_filters: Vec<_> = of_filters.collect();
    let (templates, chime_sdk) = (templates_lines().await, chime_sdk_lines().await);
    let with_chime_sdk = [&METRICS[..], &METRICS_OF_CHIME_SDK].concat();
    for (lines, expected) in [(&templates, METRICS.into()), (&chime_sdk, with_chime_sdk)] {
        let emitted = lines.iter().flat_map(metric_names).chain(of_filters.iter().copied());
        let emitted: BTreeSet<_> = emitted.collect();
        assert_eq!(emitted, expected.into_iter().collect());
    }
    // These are all kinds of requests: each error is among their responses.
    let is_error = |name: &&str| name.ends_with("Exception");
    let errors: BTreeSet<_> = ERRORS.split('"').filter(is_error).collect();
    let lines = templates.iter().chain(&chime_sdk);
    let logged: BTreeSet<_> = lines.filter_map(|line| line["error"].as_str()).collect();
    assert_eq!(logged, errors);
}

#[test]
fn alarms_and_dashboard_use_all_emitted_metrics_and_no_others() {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap();
    let of_type =
        |kind: &'static str| resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
    let body = dashboard();
    let mut ours = BTreeSet::new();
    for metric in dashboard_metrics(&body) {
        match &*metric[0] {
            "CreateMeeting" => {
                assert_eq!(metric[2..], ["FunctionName", "${CreateMeetingFunction}"]);
                ours.insert(metric[1].clone());
            }
            "CreateMeeting/${AWS::StackName}" => assert!(ours.insert(metric[1].clone())),
            aws => assert!(aws.starts_with("AWS/"), "{aws}"),
        }
    }
    // The free tier of CloudWatch has dashboards with at most 50 metrics.
    assert!(dashboard_metrics(&body).len() <= 50);
    for name in METRICS.into_iter().chain(METRICS_OF_CHIME_SDK) {
        assert!(ours.contains(name), "{name} in the dashboard");
    }
    let listed = body["widgets"][0]["properties"]["alarms"].to_string();
    for (name, alarm) in of_type("AWS::CloudWatch::Alarm") {
        let (name, alarm) = (name.as_str().unwrap(), &alarm["Properties"]);
        assert!(listed.contains(&format!("${{{name}.Arn}}")), "{name} in the dashboard");
        assert!(RUNBOOK.contains(&format!("\n### {name}: ")), "{name} in the runbook");
        assert!(!alarm["AlarmActions"].is_null() && !alarm["OKActions"].is_null(), "{name}");
        let inputs = alarm["Metrics"].as_sequence().into_iter().flatten();
        let inputs = inputs.map(|metric| &metric["MetricStat"]["Metric"]);
        for metric in inputs.chain([alarm]).filter(|it| it["Namespace"] == "CreateMeeting") {
            assert_eq!(metric["Dimensions"][0]["Name"], "FunctionName", "{name}");
            ours.insert(metric["MetricName"].as_str().unwrap().into());
        }
    }
    assert_eq!(ours.len(), METRICS.len() + METRICS_OF_CHIME_SDK.len(), "{ours:?}");
}

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

/// Each of these requests leaves a meeting in the Amazon Chime SDK that nobody knows of.
#[tokio::test]
async fn denied_puts_fire_an_alarm_although_reads_work() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON]).await;
    for _ in 0..2 {
        let denied = Fault::before(Refusal(400, "AccessDeniedException"));
        dynamodb.set_faults([Fault::after(Slow), denied]);
        assert_eq!(function.invoke(&Event::rest()).await.status, 500);
    }
    assert_eq!(dynamodb.take_operations(), ["GetItem", "PutItem", "GetItem", "PutItem"]);
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
