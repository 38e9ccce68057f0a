//! The page of a list that a request asks for.

use super::validation::Validator;
use crate::http_request::Parameters;

/// Maximum number of results on a page (`ResultMax` in Amazon Chime's service model).
pub const MAX_RESULTS: u8 = 99;

/// Maximum length of a page token in characters (`String` in the Amazon Chime SDK's model).
const MAX_TOKEN: usize = 4096;

/// A page of a list.
#[derive(Debug)]
pub struct Page<'a> {
    /// The maximum number of results on it.
    pub max_results: Option<u8>,
    /// The token in the response with the page before.
    pub next_token: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// The page that `query` asks for. Empty parameters count as absent.
    pub fn from_query(query: &'a Parameters, validator: &mut Validator) -> Self {
        let raw = |name| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let most = u32::from(MAX_RESULTS);
        let max_results = raw("max-results").and_then(|results| {
            let constraint = match results.parse::<u32>() {
                Ok(0) => "have value greater than or equal to 1".into(),
                Ok(results) if results > most => format!("have value less than or equal to {most}"),
                Ok(results) => return results.try_into().ok(),
                Err(_) => format!("be a whole number between 1 and {most}"),
            };
            validator.violated("maxResults", constraint);
            None
        });
        let next_token = raw("next-token");
        if next_token.is_some_and(|token| token.chars().count() > MAX_TOKEN) {
            let constraint = format_args!("have length less than or equal to {MAX_TOKEN}");
            validator.violated("nextToken", constraint);
        }
        Self { max_results, next_token }
    }
}
