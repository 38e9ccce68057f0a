//! An embedded `DynamoDB` with the meetings' table, for local use and for tests.
//!
//! The engine is dynoxide; the table is the one that `template.yaml` deploys, read from there.

use std::net::Ipv4Addr;

pub use dynoxide::{Database, DynoxideError};
use serde_json::json;
use tokio::net::TcpListener;

use crate::result::Result;

const TEMPLATE: &str = include_str!("../../template.yaml");

/// Creates the meetings' table under the name `table`, unless it exists. One of version 0.2.0 gets its index.
///
/// # Errors
/// If `template.yaml` does not define the table, or the engine rejects it.
pub fn create_table(database: &Database, table: &str) -> Result<()> {
    let template: yaml_serde::Value = yaml_serde::from_str(TEMPLATE)?;
    let properties = &template["Resources"]["MeetingsTable"]["Properties"];
    if let Some(existing) = database.get_table_metadata(table)? {
        if existing.gsi_definitions.is_none() {
            database.update_table(serde_json::from_value(json!({
                "TableName": table,
                "AttributeDefinitions": properties["AttributeDefinitions"],
                "GlobalSecondaryIndexUpdates": [{"Create": properties["GlobalSecondaryIndexes"][0]}],
            }))?)?;
        }
        return Ok(());
    }
    database.create_table(serde_json::from_value(json!({
        "TableName": table,
        "AttributeDefinitions": properties["AttributeDefinitions"],
        "KeySchema": properties["KeySchema"],
        "GlobalSecondaryIndexes": properties["GlobalSecondaryIndexes"],
        "BillingMode": properties["BillingMode"],
    }))?)?;
    database.update_time_to_live(serde_json::from_value(json!({
        "TableName": table,
        "TimeToLiveSpecification": properties["TimeToLiveSpecification"],
    }))?)?;
    Ok(())
}

/// Serves `database` on a free port of `host`, an address of this machine, for as long as the
/// process lives, and returns the port.
///
/// # Errors
/// If there is no free port.
pub async fn serve(database: Database, host: Ipv4Addr) -> Result<u16> {
    let listener = TcpListener::bind((host, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(port)
}
