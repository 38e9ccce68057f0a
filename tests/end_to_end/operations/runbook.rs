//! The runbook's messages and queries, compared with the source and with actual log entries.

use std::fs;

use serde_json::{Value, json};
use walkdir::WalkDir;

use super::{JSON, RUNBOOK, dashboard, lines};
use crate::support::{DynamoDb, Event, Function};

/// Whether a `CloudWatch` Logs Insights filter matches an entry. Supports only the runbook's
/// syntax.
pub fn filter_matches(filter: &str, line: &Value) -> bool {
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
    const OTHERS: [&str; 10] = [
        "Concurrent executions",
        "NewImage",
        "TransactionConflict",
        "Upstream",
        "access denied",
        "connect",
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
    assert_eq!(queries.len(), 18);
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
