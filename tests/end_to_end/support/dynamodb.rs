//! An embedded `DynamoDB` behind a proxy.

use std::collections::HashMap;
use std::iter;
use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use local::dynamodb::Database;
use tokio::time::timeout;

use super::PATIENCE;
use super::proxy::{Fault, Proxy, Seen};

pub struct DynamoDb {
    /// The endpoint for the function, which is the proxy's.
    pub endpoint: String,
    /// A client of the engine that bypasses the proxy.
    pub client: aws_sdk_dynamodb::Client,
    database: Database,
    proxy: Proxy,
}

impl DynamoDb {
    /// Starts an in-memory `DynamoDB` with the meetings' table.
    pub async fn start() -> Self {
        let database = Database::memory().unwrap();
        local::dynamodb::create_table(&database, "Meetings").unwrap();
        let port = local::dynamodb::serve(database.clone(), Ipv4Addr::LOCALHOST).await.unwrap();
        let engine = format!("http://127.0.0.1:{port}");
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(&engine));
        let proxy = Proxy::start(engine).await;
        Self { endpoint: proxy.endpoint.clone(), client, database, proxy }
    }

    /// Takes the number of requests since the last take.
    pub fn take_requests(&self) -> usize {
        self.take_seen().len()
    }

    /// Takes the operations of the requests since the last take.
    pub fn take_operations(&self) -> Vec<String> {
        self.take_seen().into_iter().map(|request| request.operation).collect()
    }

    /// Takes the requests since the last take.
    pub fn take_seen(&self) -> Vec<Seen> {
        self.proxy.take_seen()
    }

    /// Waits until this many requests have arrived since the last take.
    pub async fn seen(&self, requests: usize) {
        timeout(PATIENCE, self.proxy.seen(requests)).await.expect("the requests");
    }

    /// The number of connections opened so far.
    pub fn connections(&self) -> usize {
        self.proxy.connections()
    }

    /// Injects `faults` into the next requests, one each, and none into later ones.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault, IntoIter: Send + 'static>) {
        self.proxy.set_faults(faults.into_iter());
    }

    /// Injects `fault` into every request from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.set_faults(iter::repeat(fault));
    }

    /// From now on, conflicting transactions are cancelled. The engine itself queues them.
    pub fn set_contended(&self) {
        self.proxy.set_contended();
    }

    /// Every item in the meetings' table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let pages = self.client.scan().table_name("Meetings").into_paginator().items().send();
        pages.try_collect().await.unwrap()
    }

    /// Lets the caller own a meeting that was just created.
    pub async fn own(&self, meeting_id: &str) {
        let now = DateTime::from(SystemTime::now()).fmt(DateTimeFormat::DateTime).unwrap();
        let expires_at = UNIX_EPOCH.elapsed().unwrap().as_secs() + 3600;
        let put = self.client.put_item().table_name("Meetings");
        let put = put
            .item("ClientRequestToken", AttributeValue::S(format!("#owner#{meeting_id}")))
            .item("AccountId", AttributeValue::S(super::CALLER.into()))
            .item("MeetingToken", AttributeValue::S("token".into()))
            .item("CreatedAt", AttributeValue::S(now))
            .item("ExpiresAt", AttributeValue::N(expires_at.to_string()));
        put.send().await.unwrap();
    }

    /// Every item that is a meeting of a token, neither an owner nor a counter.
    pub async fn meetings(&self) -> Vec<HashMap<String, AttributeValue>> {
        let items = self.items().await.into_iter();
        items.filter(|item| item.contains_key("MeetingId")).collect()
    }

    /// The item of an account and token.
    pub async fn item(&self, account: &str, token: &str) -> HashMap<String, AttributeValue> {
        let get = self.client.get_item().table_name("Meetings");
        let get = get.key("ClientRequestToken", AttributeValue::S(token.into()));
        let get = get.key("AccountId", AttributeValue::S(account.into()));
        get.send().await.unwrap().item.unwrap_or_else(|| panic!("no item of {account}, {token}"))
    }

    /// The number of an account's meetings in the table. Panics if the counters differ.
    pub async fn counted_meetings(&self, account: &str) -> usize {
        let items = self.items().await;
        let items = items.iter().filter(|item| item["AccountId"].as_s().unwrap() == account);
        let items = items.filter(|item| !item.contains_key("MeetingToken"));
        let (meetings, counters): (Vec<_>, Vec<_>) =
            items.partition(|item| item.contains_key("MeetingId"));
        let counts = counters.iter().map(|item| item["MeetingsCreated"].as_n().unwrap());
        let counted: usize = counts.map(|count| count.parse::<usize>().unwrap()).sum();
        assert_eq!(counted, meetings.len(), "the counters and the table");
        counted
    }

    /// Deletes expired items, as `DynamoDB` does eventually.
    pub fn delete_expired(&self) {
        assert_ne!(self.database.sweep_ttl().unwrap(), 0);
    }

    /// Sets the expiry of every item in the table to a second ago.
    pub async fn expire(&self) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        for mut item in self.items().await {
            item.insert("ExpiresAt".into(), AttributeValue::N((now - 1).to_string()));
            let put = self.client.put_item().table_name("Meetings").set_item(Some(item));
            put.send().await.unwrap();
        }
    }
}

/// The configuration of a client for a `DynamoDB`.
fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}
