//! The legacy API, as the last service model of Amazon Chime describes it.

use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::OnceCell;

#[derive(Deserialize)]
pub struct LegacyOperation {
    pub name: String,
    pub method: String,
    pub path: String,
    /// The value of the query parameter `operation`.
    pub query: Option<String>,
    /// The status code of its response.
    pub status: u64,
    /// The exceptions for which its SDK clients have types.
    pub errors: Vec<String>,
}

/// All operations on meetings, attendees and tags.
pub async fn legacy_operations() -> &'static [LegacyOperation] {
    static OPERATIONS: OnceCell<Vec<LegacyOperation>> = OnceCell::const_new();
    OPERATIONS.get_or_init(read).await
}

async fn read() -> Vec<LegacyOperation> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/legacy_operations.py");
    let output = Command::new("python3").arg(script).output().await.unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let operations: Vec<_> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(operations.len(), 22, "{}", String::from_utf8_lossy(&output.stderr));
    operations
}
