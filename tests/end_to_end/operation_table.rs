//! The function's table of operations, compared with everything else that lists them.

use std::collections::{BTreeMap, BTreeSet};

use create_meeting::error::ErrorKind;
use create_meeting::operation::{Handling, OPERATIONS, Operation};
use serde_json::Value;

use crate::support::{legacy_operations, template};

/// The errors that every operation has.
const COMMON: [ErrorKind; 6] = [
    ErrorKind::BadRequest,
    ErrorKind::UnauthorizedClient,
    ErrorKind::Forbidden,
    ErrorKind::ThrottledClient,
    ErrorKind::ServiceFailure,
    ErrorKind::ServiceUnavailable,
];

/// A method, a path and a selector, in lower case, because the models spell the names of IDs differently.
fn request_line(method: &str, path: &str, selector: &str) -> String {
    let path = path.to_lowercase();
    let query = if selector.is_empty() { String::new() } else { format!("?operation={selector}") };
    format!("{method} {path}{query}")
}

/// What a list says about an operation: its request, its status, and its errors.
type Row = (String, u16, BTreeSet<String>);

fn row(operation: &Operation) -> (String, Row) {
    let errors = COMMON.iter().chain(operation.errors);
    let errors = errors.map(|kind| kind.exception().name.to_owned()).collect();
    let line = request_line(operation.method, operation.path, operation.selector);
    (operation.name.into(), (line, operation.status, errors))
}

fn served() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|it| !matches!(it.handling, Handling::Unsupported(_)))
}

#[tokio::test]
async fn it_contains_the_meetings_api_of_the_last_service_model() {
    let modelled = legacy_operations().await;
    let request = |name, method, path, selector| (name, request_line(method, path, selector));
    let legacy = OPERATIONS.iter().filter(|it| !it.name.contains("Capabilities"));
    let ours: BTreeMap<_, _> =
        legacy.map(|it| request(it.name, it.method, it.path, it.selector)).collect();
    let theirs = modelled.iter().map(|it| {
        request(&*it.name, &it.method, &it.path, it.query.as_deref().unwrap_or_default())
    });
    assert_eq!(ours, theirs.collect());
    for theirs in modelled {
        let ours = OPERATIONS.iter().find(|it| it.name == theirs.name).unwrap();
        assert_eq!(u64::from(ours.status), theirs.status, "{}", ours.name);
        if served().any(|it| it.name == theirs.name) {
            let (_, (_, _, errors)) = row(ours);
            assert_eq!(errors, theirs.errors.iter().cloned().collect(), "{}", ours.name);
        }
    }
}

#[test]
fn the_service_description_has_the_served_operations() {
    let description = include_str!("../../clients/botocore/chime/2018-05-01/service-2.json");
    let description: Value = serde_json::from_str(description).unwrap();
    let described = description["operations"].as_object().unwrap().iter().map(|(name, it)| {
        let method = it["http"]["method"].as_str().unwrap();
        let uri = it["http"]["requestUri"].as_str().unwrap();
        let (path, selector) = uri.split_once("?operation=").unwrap_or((uri, ""));
        let status = u16::try_from(it["http"]["responseCode"].as_u64().unwrap()).unwrap();
        let errors = it["errors"].as_array().unwrap().iter();
        let errors = errors.map(|error| error["shape"].as_str().unwrap().to_owned()).collect();
        (name.clone(), (request_line(method, path, selector), status, errors))
    });
    assert_eq!(served().map(row).collect::<BTreeMap<_, _>>(), described.collect());
}

#[test]
fn the_openapi_description_has_the_served_operations() {
    let description: Value = yaml_serde::from_str(include_str!("../../openapi.yaml")).unwrap();
    let mut described = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let (path, selector) = path.split_once("#operation=").unwrap_or((path, ""));
        for (method, operation) in methods.as_object().unwrap() {
            let Some(name) = operation["operationId"].as_str() else { continue };
            let statuses = operation["responses"].as_object().unwrap().keys().cloned();
            let line = request_line(&method.to_uppercase(), path, selector);
            described.insert(name.to_owned(), (line, statuses.collect::<BTreeSet<_>>()));
        }
    }
    let statuses = |operation: &Operation| {
        let errors = COMMON.iter().chain(operation.errors).map(|kind| kind.exception().status);
        errors.chain([operation.status]).map(|status| status.to_string()).collect()
    };
    // Those of the Amazon Chime SDK alone are described as not served.
    let not_served = OPERATIONS.iter().filter(|it| it.method == "PUT");
    for operation in not_served {
        let (line, statuses) = described.remove(operation.name).unwrap();
        assert_eq!(line, request_line("PUT", operation.path, operation.selector));
        assert!(statuses.iter().all(|status| !status.starts_with('2')), "{statuses:?}");
    }
    let ours = served().map(|operation| {
        let line = request_line(operation.method, operation.path, operation.selector);
        (operation.name.to_owned(), (line, statuses(operation)))
    });
    assert_eq!(described, ours.collect());
}

#[test]
fn the_template_routes_every_operation() {
    let template = template();
    let definition = &template["Resources"]["Api"]["Properties"]["DefinitionBody"];
    let mut routed = BTreeSet::new();
    for (path, methods) in definition["paths"].as_mapping().unwrap() {
        for method in methods.as_mapping().unwrap().keys() {
            let method = method.as_str().unwrap().to_uppercase();
            routed.insert(format!("{method} {}", path.as_str().unwrap()));
        }
    }
    let all = OPERATIONS.iter().map(|it| format!("{} {}", it.method, it.path)).collect();
    assert_eq!(routed, all);
}
