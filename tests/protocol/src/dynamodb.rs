//! `DynamoDB`, whose content is a value. The embedded engine performs each request on it.

use std::collections::HashMap;

use local::dynamodb::{Database, DynoxideError, create_table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Result;
use crate::function::{Observation, Request, TABLE};
use crate::state::Half;

/// The content of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table(u32);

impl Table {
    /// The table without items.
    pub const EMPTY: Self = Self(0);
}

/// The engine, and all contents so far.
pub struct DynamoDb {
    database: Database,
    /// The content of the database.
    current: Table,
    contents: Vec<Vec<Value>>,
    tables: HashMap<String, Table>,
    /// The tables after the deletion of one item.
    without: HashMap<(Table, usize), Table>,
}

impl DynamoDb {
    /// An engine with an empty table.
    ///
    /// # Errors
    /// If the table cannot be created.
    pub fn new() -> Result<Self> {
        let database = Database::memory()?;
        create_table(&database, TABLE)?;
        Ok(Self {
            database,
            current: Table::EMPTY,
            contents: vec![Vec::new()],
            tables: HashMap::from([("[]".into(), Table::EMPTY)]),
            without: HashMap::new(),
        })
    }

    /// The items of a table.
    #[must_use]
    pub fn items(&self, table: Table) -> &[Value] {
        &self.contents[table.0 as usize]
    }

    /// The table without one of its items.
    ///
    /// # Errors
    /// The engine's.
    pub fn without(&mut self, table: Table, item: usize) -> Result<Table> {
        if let Some(without) = self.without.get(&(table, item)) {
            return Ok(*without);
        }
        self.restore(table)?;
        let request = json!({"TableName": TABLE, "Key": key(&self.items(table)[item])});
        self.database.delete_item(serde_json::from_value(request)?)?;
        self.current = self.content()?;
        self.without.insert((table, item), self.current);
        Ok(self.current)
    }

    /// The table after a request, and the response. One key of a `BatchGetItem` may have been read before.
    ///
    /// # Errors
    /// If the engine cannot be brought into the state of `table`, and for a request that it does not know.
    pub fn perform(
        &mut self,
        table: Table,
        half: Option<Half>,
        request: &Request,
    ) -> Result<(Table, Observation)> {
        let Some(half) = half else {
            self.restore(table)?;
            let observation = self.dispatch(&request.target, &request.body)?;
            self.current = self.content()?;
            return Ok((self.current, observation));
        };
        let mut responses = Value::Null;
        for (table, key) in [(half.table, half.key), (table, 1 - half.key)] {
            self.restore(table)?;
            let mut body: Value = serde_json::from_str(&request.body)?;
            let keys = &mut body["RequestItems"][TABLE]["Keys"];
            *keys = json!([keys[key]]);
            let Observation::Response(200, body) =
                self.dispatch(&request.target, &body.to_string())?
            else {
                return Err("a BatchGetItem was rejected".into());
            };
            let mut response: Value = serde_json::from_str(&body)?;
            if let Some(items) = responses["Responses"][TABLE].as_array() {
                let all = response["Responses"][TABLE].as_array_mut();
                all.ok_or("no items")?.extend(items.clone());
            }
            responses = response;
        }
        Ok((table, Observation::Response(200, responses.to_string())))
    }

    fn restore(&mut self, table: Table) -> Result<()> {
        if self.current == table {
            return Ok(());
        }
        for item in &self.contents[self.current.0 as usize] {
            let request = json!({"TableName": TABLE, "Key": key(item)});
            self.database.delete_item(serde_json::from_value(request)?)?;
        }
        for item in &self.contents[table.0 as usize] {
            let request = json!({"TableName": TABLE, "Item": item});
            self.database.put_item(serde_json::from_value(request)?)?;
        }
        self.current = table;
        Ok(())
    }

    /// The content of the database.
    fn content(&mut self) -> Result<Table> {
        let request = serde_json::from_value(json!({"TableName": TABLE}))?;
        let found = serde_json::to_value(self.database.scan(request)?)?;
        let mut items: Vec<Value> = serde_json::from_value(found["Items"].clone())?;
        items.sort_by_key(Value::to_string);
        let next = Table(u32::try_from(self.contents.len())?);
        let table = *self.tables.entry(json!(items).to_string()).or_insert(next);
        if table == next {
            self.contents.push(items);
        }
        Ok(table)
    }

    fn dispatch(&self, operation: &str, body: &str) -> Result<Observation> {
        let database = &self.database;
        match operation {
            "GetItem" => respond(body, |request| database.get_item(request)),
            "BatchGetItem" => respond(body, |request| database.batch_get_item(request)),
            "PutItem" => respond(body, |request| database.put_item(request)),
            "UpdateItem" => respond(body, |request| database.update_item(request)),
            "Query" => respond(body, |request| database.query(request)),
            "TransactWriteItems" => respond(body, |request| database.transact_write_items(request)),
            _ => Err(format!("the function sent {operation}").into()),
        }
    }
}

fn respond<Input: DeserializeOwned, Output: Serialize>(
    body: &str,
    perform: impl FnOnce(Input) -> std::result::Result<Output, DynoxideError>,
) -> Result<Observation> {
    Ok(match perform(serde_json::from_str(body)?) {
        // Members in alphabetical order.
        Ok(output) => Observation::Response(200, serde_json::to_value(output)?.to_string()),
        Err(error) => Observation::Response(error.status_code(), error.to_json()),
    })
}

fn key(item: &Value) -> Value {
    json!({"ClientRequestToken": item["ClientRequestToken"], "AccountId": item["AccountId"]})
}
