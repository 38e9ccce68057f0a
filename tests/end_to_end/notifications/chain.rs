//! A stand-in for the pipe, the state machine, and the topics and queues of `template.yaml`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use yaml_serde::Value as Yaml;

use crate::support::{AWS_ENVIRONMENT, DynamoDb, PATIENCE, template};

const DEFINITION: &str = include_str!("../../../notifications.asl.json");
const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
pub const DEAD_LETTER_QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:dead-letters";

/// The results for the records in the stream.
#[derive(Debug, Deserialize)]
pub struct Delivered {
    /// The kind of each, and whether it passed the filters.
    pub records: Vec<(String, bool)>,
    pub executions: Vec<(String, Option<String>)>,
    pub queues: Queues,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Queues {
    pub queue: Vec<Message>,
    #[serde(rename = "queue.fifo")]
    pub queue_fifo: Vec<Message>,
    /// A subscriber of the topic.
    pub subscriber: Vec<Message>,
    #[serde(rename = "subscriber.fifo")]
    pub subscriber_fifo: Vec<Message>,
    pub dead_letters: Vec<Message>,
    /// The redelivered dead letter, once this queue exists.
    pub missing: Vec<Message>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Message {
    pub body: Value,
    pub id: Option<String>,
    pub deduplication_id: Option<String>,
}

impl Message {
    pub fn meeting_id(&self) -> &str {
        self.body["detail"]["meetingId"].as_str().unwrap()
    }

    /// The failures in the dead letters, each with its meeting's ID.
    pub fn undelivered(&self) -> Vec<(String, Value)> {
        let id = self.body["dynamodb"]["NewImage"]["MeetingId"]["S"].as_str().unwrap();
        let failures = self.body["undelivered"].as_array().unwrap().iter();
        failures.map(|failure| (id.to_owned(), failure.clone())).collect()
    }
}

/// The stand-in for the pipe, with stand-ins for Step Functions, SNS and SQS. It takes seconds to
/// start, so all tests share it.
struct Chain {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    _process: Child,
}

impl Chain {
    fn start() -> Self {
        let template = template();
        let pipe = &template["Resources"]["NotificationsPipe"]["Properties"];
        let source = &pipe["SourceParameters"];
        // One execution per record.
        assert_eq!(source["DynamoDBStreamParameters"]["BatchSize"], 1);
        let filters = source["FilterCriteria"]["Filters"].as_sequence().unwrap().iter();
        let chain = json!({
            "filters": filters.map(|filter| filter["Pattern"].as_str()).collect::<Vec<_>>(),
            "definition": definition(&template),
            "redelivery": RUNBOOK.split("--filter-expression").nth(1).unwrap().split('\'').nth(1),
        });
        let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/tools/moto/bin/python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/notifications/chain.py");
        let mut process = Command::new(python)
            .args([script, &chain.to_string()])
            .env_clear()
            .envs(AWS_ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python with moto, which make test installs");
        Self {
            stdin: process.stdin.take().unwrap(),
            stdout: BufReader::new(process.stdout.take().unwrap()),
            _process: process,
        }
    }

    fn deliver(&mut self, starter: &str, endpoint: &str) -> Delivered {
        writeln!(self.stdin, "{starter} {endpoint}").unwrap();
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"))
    }
}

/// Sends everything written to the table through the pipe and the state machine.
pub async fn deliver(dynamodb: &DynamoDb) -> Delivered {
    deliver_by("pipe", dynamodb).await
}

/// Redelivers the meetings in the table, as the runbook describes.
pub async fn redeliver(dynamodb: &DynamoDb) -> Delivered {
    deliver_by("operator", dynamodb).await
}

async fn deliver_by(starter: &'static str, dynamodb: &DynamoDb) -> Delivered {
    // It exits with the tests, when its standard input is closed.
    static CHAIN: LazyLock<Mutex<Chain>> = LazyLock::new(|| Chain::start().into());
    let mut chain = CHAIN.lock().await;
    let endpoint = dynamodb.endpoint.clone();
    let delivered = spawn_blocking(move || chain.deliver(starter, &endpoint));
    let delivered = timeout(PATIENCE, delivered).await.expect("a reply").unwrap();
    for execution in &delivered.executions {
        assert_eq!(*execution, ("SUCCEEDED".to_owned(), None));
    }
    delivered
}

/// The state machine's definition with `CloudFormation`'s substitutions.
fn definition(template: &Yaml) -> String {
    let machine = &template["Resources"]["NotificationsStateMachine"]["Properties"];
    let substitutions = machine["DefinitionSubstitutions"].as_mapping().unwrap().iter();
    let definition = substitutions.fold(DEFINITION.to_owned(), |definition, (name, value)| {
        let value = match value.as_str().unwrap() {
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "NotificationsDeadLetterQueue" => {
                "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters"
            }
            "NotificationsDeadLetterQueue.Arn" => DEAD_LETTER_QUEUE,
            other => panic!("{other}"),
        };
        definition.replace(&format!("${{{}}}", name.as_str().unwrap()), value)
    });
    assert!(!definition.contains("${"), "{definition}");
    definition
}
