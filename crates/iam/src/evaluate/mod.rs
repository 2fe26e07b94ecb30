//! Whether policies allow a request: an explicit deny wins, then an explicit allow, else it is denied.

pub(crate) mod condition;

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use crate::PolicyDocument;
use crate::policy::{Effect, Statement};

/// What is to be decided.
#[derive(Debug, Clone)]
pub struct Request {
    action: String,
    resource: String,
    context: BTreeMap<String, String>,
}

/// What the policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it, or none allows it.
    Deny,
}

impl Request {
    /// Asks for `action` (`service:Operation`) on the resource with this ARN, or `*`.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// Adds a condition key of the request, such as `aws:RequestedRegion`.
    pub fn with_context(mut self, key: &str, value: &str) -> Self {
        self.context.insert(key.to_ascii_lowercase(), value.to_owned());
        self
    }
}

/// Decides `request` by identity policies.
pub fn evaluate(policies: &[&PolicyDocument], request: &Request) -> Decision {
    decide(policies.iter().flat_map(|policy| &policy.statements), request)
}

/// Decides by all statements that are about the caller.
pub(crate) fn decide<'s>(statements: impl Iterator<Item = &'s Statement> + Clone, request: &Request) -> Decision {
    let statements = || statements.clone();
    let applying = |effect| statements().any(|statement| statement.effect == effect && applies(statement, request));
    if !applying(Effect::Deny) && applying(Effect::Allow) { Decision::Allow } else { Decision::Deny }
}

fn applies(statement: &Statement, request: &Request) -> bool {
    let action = |patterns: &Vec<String>| {
        patterns.iter().any(|pattern| WildMatch::new_case_insensitive(pattern).matches(&request.action))
    };
    let resource =
        |patterns: &Vec<String>| patterns.iter().any(|pattern| WildMatch::new(pattern).matches(&request.resource));
    statement.action.as_ref().is_none_or(action)
        && !statement.not_action.as_ref().is_some_and(action)
        && statement.resource.as_ref().is_none_or(resource)
        && !statement.not_resource.as_ref().is_some_and(resource)
        && statement.condition.iter().all(|(operator, keys)| condition::holds(operator, keys, &request.context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(statements: &str, action: &str, resource: &str) -> Decision {
        let document = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        let policy = PolicyDocument::parse(&document).unwrap();
        evaluate(&[&policy], &Request::new(action, resource).with_context("aws:RequestedRegion", "us-east-1"))
    }

    const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/a";

    #[test]
    fn nothing_is_allowed_without_a_statement() {
        assert_eq!(decided("", "kinesis:GetRecords", STREAM), Decision::Deny);
    }

    #[test]
    fn a_deny_wins_over_an_allow() {
        let allow = r#"{"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}"#;
        let deny = r#"{"Effect": "Deny", "Action": "kinesis:Delete*", "Resource": "*"}"#;
        let both = format!("{allow}, {deny}");
        assert_eq!(decided(&both, "kinesis:GetRecords", STREAM), Decision::Allow);
        assert_eq!(decided(&both, "kinesis:DeleteStream", STREAM), Decision::Deny);
    }

    #[test]
    fn resources_and_their_negation_are_matched_by_pattern() {
        let only = r#"{"Effect": "Allow", "Action": "kinesis:*", "Resource": "arn:aws:kinesis:*:*:stream/a"}"#;
        assert_eq!(decided(only, "kinesis:GetRecords", STREAM), Decision::Allow);
        assert_eq!(decided(only, "kinesis:GetRecords", &STREAM.replace("/a", "/b")), Decision::Deny);
        let but = r#"{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:kinesis:*:*:stream/a"}"#;
        assert_eq!(decided(but, "kinesis:GetRecords", STREAM), Decision::Deny);
        assert_eq!(decided(but, "kinesis:GetRecords", &STREAM.replace("/a", "/b")), Decision::Allow);
        assert_eq!(decided(but, "iam:GetRole", "arn:aws:iam::000000000000:role/b"), Decision::Deny);
    }

    #[test]
    fn a_condition_narrows_a_statement() {
        let here = |operator: &str, region: &str| {
            format!(
                r#"{{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {{"{operator}": {{"aws:RequestedRegion": "{region}"}}}}}}"#
            )
        };
        assert_eq!(decided(&here("StringEquals", "us-east-1"), "a:b", "*"), Decision::Allow);
        assert_eq!(decided(&here("StringEquals", "eu-west-1"), "a:b", "*"), Decision::Deny);
        assert_eq!(decided(&here("StringNotLike", "us-*"), "a:b", "*"), Decision::Deny);
    }
}
