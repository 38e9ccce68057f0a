//! The metrics that a stack has, those that the dashboard shows, and those that alarms read.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{RUNBOOK, chime_sdk_lines, dashboard, templates_lines};
use crate::support::{metric_names, template};

/// Contains the name of each error.
const ERRORS: &str = include_str!("../../../src/error.rs");
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
const METRICS_OF_CHIME_SDK: [&str; 5] =
    ["Listed", "Relayed", "UpstreamErrors", "UpstreamLimitExceeded", "UpstreamThrottles"];

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
async fn a_stack_has_ten_metrics_and_fifteen_with_the_amazon_chime_sdk() {
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
    let lines = templates.iter().chain(&chime_sdk).filter(|line| line.get("_aws").is_some());
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
