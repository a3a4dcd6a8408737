//! Questions to GitHub's GraphQL API, and what its answers say beside the data.
//!
//! An answer with status 200 may hold errors, and data beside them ("Rate limits and query limits for the GraphQL API" and
//! "Forming calls with GraphQL", GitHub docs): whoever asks says which of them leave the data whole.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::net::http::{self, Client};

/// Rows of a list in one answer: the most that GitHub gives.
pub const PAGE: usize = 100;

/// Pages of one list: a hundred thousand members, which is more than any organisation has.
pub const MAX_PAGES: usize = 1_000;

/// The answer to a question.
#[derive(Debug, Deserialize)]
pub struct Reply<T> {
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Problem>,
}

/// One error of an answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// For instance `NOT_FOUND`, `FORBIDDEN`, `INSUFFICIENT_SCOPES`, `RATE_LIMITED`.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    /// The field that it is about, from the root; none where the whole question was refused.
    #[serde(default)]
    path: Option<Vec<Value>>,
    #[serde(default)]
    message: String,
}

/// The question was understood and refused, in whole or in part.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A list's end so far, and whether more follows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

/// Where each page of one list ended.
#[derive(Debug, Default)]
pub struct Cursor {
    after: Option<String>,
    pages: usize,
}

impl Cursor {
    /// What the next page comes after; the first comes after nothing.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Moves behind the page just read; false where it was the last one.
    ///
    /// # Errors
    /// Where the list has no end.
    pub fn advance(&mut self, page: &PageInfo) -> Result<bool> {
        if !page.has_next_page {
            return Ok(false);
        }
        self.pages += 1;
        ensure!(
            page.end_cursor.is_some() && page.end_cursor != self.after && self.pages < MAX_PAGES,
            "GitHub's list has no end; an answer that makes no sense is not used"
        );
        self.after.clone_from(&page.end_cursor);
        Ok(true)
    }
}

impl Problem {
    /// Whether the thing asked for is not there, or is not shown.
    pub fn is_not_found(&self) -> bool {
        self.kind.as_deref() == Some("NOT_FOUND")
    }

    /// The same, of something inside the organisation and not of the organisation itself.
    pub fn is_of_part(&self) -> bool {
        self.is_not_found() && self.path.as_ref().is_some_and(|path| path.len() > 1)
    }

    /// What GitHub says.
    pub fn said(&self) -> String {
        let kind = self.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        http::start(&format!("{}{kind}", self.message))
    }
}

impl<T> Reply<T> {
    /// The data, where no error speaks against it but those that are `fine`.
    ///
    /// # Errors
    /// [`Refused`], with what GitHub said.
    pub fn unless(self, mut fine: impl FnMut(&Problem) -> bool) -> Result<T> {
        // Without data nothing is beside the error, and it is the answer.
        let whole = self.data.is_some();
        let wrong = self.errors.iter().filter(|problem| !whole || !fine(problem));
        let wrong: Vec<_> = wrong.map(Problem::said).collect();
        if wrong.is_empty()
            && let Some(data) = self.data
        {
            return Ok(data);
        }
        let said = match wrong.as_slice() {
            [] => "an answer without data".to_owned(),
            // Each of a hundred persons may be refused in the same words.
            [first, ..] if wrong.iter().all(|other| other == first) => first.clone(),
            several => several.join("; "),
        };
        Err(Refused(format!("GitHub refuses the question: {}", http::start(&said))).into())
    }
}

/// Asks; only ever to read, so that it may be asked again.
///
/// # Errors
/// As of any call, and where the answer is not GitHub's; what GitHub says inside an answer is for [`Reply::unless`].
pub async fn ask<T: DeserializeOwned>(client: &Client, question: &str, variables: Value) -> Result<Reply<T>> {
    let body = json!({ "query": question, "variables": variables });
    let reply: Reply<T> = client.post(&["graphql"]).json(&body).repeatable().answer().await?;
    ensure!(
        reply.data.is_some() || !reply.errors.is_empty(),
        "POST /graphql on {}: the answer has neither data nor errors, so it is not GitHub's; check `base_url`",
        client.host()
    );
    Ok(reply)
}

/// Variables of one question, each declared and given; text from elsewhere gets into a question by no other way.
#[derive(Debug, Default)]
pub struct Variables {
    declared: String,
    given: Map<String, Value>,
}

impl Variables {
    /// Adds `$name` of the GraphQL type `kind`.
    pub fn give(&mut self, name: &str, kind: &str, value: impl Into<Value>) {
        let separator = if self.declared.is_empty() { "" } else { ", " };
        let _ = write!(self.declared, "{separator}${name}: {kind}");
        self.given.insert(name.to_owned(), value.into());
    }

    /// The question with `body` as what is asked, and the values.
    pub fn question(self, body: &str) -> (String, Value) {
        (format!("query({}) {{ {body} }}", self.declared), Value::Object(self.given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(answer: Value) -> Reply<Value> {
        serde_json::from_value(answer).expect("an answer")
    }

    #[test]
    fn data_beside_an_error_is_used_only_where_that_error_leaves_it_whole() {
        let answer = json!({ "data": { "u0": null }, "errors": [
            { "type": "NOT_FOUND", "path": ["u0"], "message": "Could not resolve to a User with the login of 'x'." },
        ] });
        reply(answer.clone()).unless(Problem::is_not_found).expect("the data");
        let error = reply(answer).unless(|_| false).expect_err("refused");
        assert!(error.is::<Refused>() && error.to_string().contains("the login of 'x'. (NOT_FOUND)"), "{error}");
        let half =
            json!({ "data": { "u0": {} }, "errors": [{ "type": "RESOURCE_LIMITS_EXCEEDED", "message": "half" }] });
        reply(half).unless(Problem::is_not_found).expect_err("half an answer is none");
    }

    #[test]
    fn a_part_may_be_missing_and_the_whole_may_not() {
        let missing = |path: Value| {
            let problem = json!({ "type": "NOT_FOUND", "path": path, "message": "Could not resolve" });
            reply(json!({ "data": {}, "errors": [problem] })).unless(Problem::is_of_part).is_ok()
        };
        assert!(missing(json!(["organization", "t0"])));
        assert!(!missing(json!(["organization"])) && !missing(json!(null)));
    }

    #[test]
    fn an_answer_without_data_is_none_whatever_it_lacks() {
        for answer in [json!({}), json!({ "data": null }), json!({ "data": null, "errors": [] })] {
            reply(answer).unless(|_| true).expect_err("refused");
        }
        let refused = json!({ "errors": [{ "type": "NOT_FOUND", "message": "These are the reasons." }] });
        let error = reply(refused).unless(|_| true).expect_err("refused").to_string();
        assert!(error.contains("These are the reasons."), "{error}");
    }

    #[test]
    fn a_list_ends_and_no_page_is_read_twice() {
        let page = |has_next_page, end: Option<&str>| PageInfo { has_next_page, end_cursor: end.map(str::to_owned) };
        let mut cursor = Cursor::default();
        assert_eq!(cursor.after(), None);
        assert!(cursor.advance(&page(true, Some("a"))).expect("more"));
        assert_eq!(cursor.after(), Some("a"));
        assert!(!cursor.advance(&page(false, Some("b"))).expect("the last"));
        cursor.advance(&page(true, Some("a"))).expect_err("the same page again");
        cursor.advance(&page(true, None)).expect_err("a next page that is nowhere");
    }

    #[test]
    fn what_is_asked_for_is_no_part_of_the_question() {
        let mut variables = Variables::default();
        variables.give("org", "String!", "ac\"me");
        variables.give("after", "String", Value::Null);
        let (question, values) = variables.question("organization(login: $org) { login }");
        assert_eq!(question, "query($org: String!, $after: String) { organization(login: $org) { login } }");
        assert_eq!(values, json!({ "org": "ac\"me", "after": null }));
    }
}
