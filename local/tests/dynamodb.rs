//! The table of the embedded `DynamoDB`.
#![allow(clippy::unwrap_used, reason = "a test panics on anything unexpected")]

use local::dynamodb::{Database, create_table};
use serde_json::json;

/// `make run` keeps its database.
#[test]
fn a_table_of_version_0_2_0_gets_its_index_and_keeps_its_items() {
    let database = Database::memory().unwrap();
    let text = |name| json!({"AttributeName": name, "AttributeType": "S"});
    let old = json!({
        "TableName": "Meetings",
        "AttributeDefinitions": [text("ClientRequestToken"), text("AccountId")],
        "KeySchema": [
            {"AttributeName": "ClientRequestToken", "KeyType": "HASH"},
            {"AttributeName": "AccountId", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    });
    database.create_table(serde_json::from_value(old).unwrap()).unwrap();
    let item = json!({"ClientRequestToken": {"S": "token"}, "AccountId": {"S": "anonymous"}});
    let put = json!({"TableName": "Meetings", "Item": item});
    database.put_item(serde_json::from_value(put).unwrap()).unwrap();

    for _ in 0..2 {
        create_table(&database, "Meetings").unwrap();
    }

    let table = json!({"TableName": "Meetings"});
    let described = database.describe_table(serde_json::from_value(table.clone()).unwrap());
    let described = serde_json::to_value(described.unwrap()).unwrap();
    assert_eq!(described["Table"]["GlobalSecondaryIndexes"][0]["IndexName"], "Meetings");
    let scanned = database.scan(serde_json::from_value(table).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(scanned).unwrap()["Items"], json!([item]));
}
