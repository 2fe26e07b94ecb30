//! Policy documents: their grammar.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::evaluate::condition;
use crate::{IamError, Result};

/// A policy that is attached to an identity.
#[derive(Debug, Clone)]
pub struct PolicyDocument {
    pub(crate) statements: Vec<Statement>,
}

/// A role's trust policy: who may assume it.
#[derive(Debug, Clone)]
pub struct TrustDocument {
    statements: Vec<Statement>,
}

/// A policy that is attached to a resource: it names whom it is about.
#[derive(Debug, Clone)]
pub struct ResourceDocument {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    version: Option<String>,
    #[serde(default, rename = "Id")]
    _id: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    pub(crate) effect: Effect,
    #[serde(default)]
    principal: Option<Principals>,
    #[serde(default)]
    not_principal: Option<Value>,
    #[serde(default, deserialize_with = "some_one_or_many")]
    pub(crate) action: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some_one_or_many")]
    pub(crate) not_action: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some_one_or_many")]
    pub(crate) resource: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some_one_or_many")]
    pub(crate) not_resource: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) condition: BTreeMap<String, BTreeMap<String, Values>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Principals {
    Anyone(String),
    Kinds(BTreeMap<String, Values>),
}

/// A value or a list of values, where policies allow both.
#[derive(Debug, Clone)]
pub(crate) struct Values(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => Err(serde::de::Error::custom("expected a value or a list of values")),
        };
        match Value::deserialize(deserializer)? {
            Value::Array(values) => values.into_iter().map(text).collect::<Result<_, _>>().map(Self),
            value => text(value).map(|text| Self(vec![text])),
        }
    }
}

fn one_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => vec![one],
    })
}

fn some_one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    one_or_many(deserializer).map(Some)
}

impl PolicyDocument {
    /// Reads and checks an identity policy.
    pub fn parse(text: &str) -> Result<Self> {
        let statements = parse(text)?;
        for statement in &statements {
            if statement.principal.is_some() || statement.not_principal.is_some() {
                return Err(malformed("Policy document should not specify a principal."));
            }
            if statement.resource.is_some() == statement.not_resource.is_some() {
                return Err(malformed("Policy statement must contain resources."));
            }
            let resources = statement.resource.iter().chain(&statement.not_resource).flatten();
            if let Some(bad) = resources.into_iter().find(|resource| !is_resource(resource)) {
                return Err(malformed(format!("Resource {bad} must be in ARN format or \"*\".")));
            }
        }
        Ok(Self { statements })
    }
}

impl PolicyDocument {
    /// What an account's root may do.
    pub(crate) fn everything() -> Self {
        let any = Some(vec!["*".to_owned()]);
        let statement = Statement {
            _sid: None,
            effect: Effect::Allow,
            principal: None,
            not_principal: None,
            action: any.clone(),
            not_action: None,
            resource: any,
            not_resource: None,
            condition: BTreeMap::new(),
        };
        Self { statements: vec![statement] }
    }
}

impl TrustDocument {
    /// Reads and checks a role's trust policy.
    pub fn parse(text: &str) -> Result<Self> {
        let statements = parse(text)?;
        for statement in &statements {
            if statement.resource.is_some() || statement.not_resource.is_some() {
                return Err(malformed("Has prohibited field Resource"));
            }
            let Some(principal) = &statement.principal else {
                return Err(malformed("Missing required field Principal cannot be empty!"));
            };
            let known = ["AWS", "Service", "Federated", "CanonicalUser"];
            if let Principals::Kinds(kinds) = principal
                && let Some(bad) = kinds.keys().find(|kind| !known.contains(&kind.as_str()))
            {
                return Err(malformed(format!("Invalid principal in policy: \"{bad}\"")));
            }
            let actions = statement.action.iter().flatten();
            if actions.into_iter().any(|action| !action.starts_with("sts:") && action != "*") {
                return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
            }
        }
        Ok(Self { statements })
    }

    /// Whether `service` (such as `redshift.amazonaws.com`) may assume the role.
    pub fn trusts_service(&self, service: &str) -> bool {
        let names = |statement: &&Statement| match &statement.principal {
            Some(Principals::Anyone(anyone)) => anyone == "*",
            Some(Principals::Kinds(kinds)) => {
                kinds.get("Service").is_some_and(|services| services.0.iter().any(|name| name == service))
            }
            None => false,
        };
        let assumes = |statement: &Statement| {
            let mut actions = statement.action.iter().flatten();
            actions.any(|action| wildmatch::WildMatch::new_case_insensitive(action).matches("sts:AssumeRole"))
        };
        let relevant = || self.statements.iter().filter(names).filter(|statement| assumes(statement));
        relevant().any(|statement| statement.effect == Effect::Allow)
            && !relevant().any(|statement| statement.effect == Effect::Deny)
    }
}

impl ResourceDocument {
    /// Reads and checks a resource's policy.
    pub fn parse(text: &str) -> Result<Self> {
        let statements = parse(text)?;
        for statement in &statements {
            if statement.principal.is_none() {
                return Err(malformed("Missing required field Principal"));
            }
            if statement.resource.is_some() == statement.not_resource.is_some() {
                return Err(malformed("Policy statement must contain resources."));
            }
        }
        Ok(Self { statements })
    }
}

impl Statement {
    /// Whether the statement is about the identity with this ARN, of this account.
    pub(crate) fn names(&self, arn: &str, account: &str) -> bool {
        let is_meant = |name: &String| {
            name == "*" || name == account || *name == format!("arn:aws:iam::{account}:root") || name == arn
        };
        match &self.principal {
            Some(Principals::Anyone(anyone)) => anyone == "*",
            Some(Principals::Kinds(kinds)) => kinds.get("AWS").is_some_and(|names| names.0.iter().any(is_meant)),
            None => false,
        }
    }
}

fn parse(text: &str) -> Result<Vec<Statement>> {
    if serde_json::from_str::<Value>(text).is_err() {
        return Err(malformed("Syntax errors in policy."));
    }
    let document: Document =
        serde_json::from_str(text).map_err(|error| malformed(format!("Syntax errors in policy: {error}.")))?;
    if !matches!(document.version.as_deref(), None | Some("2012-10-17" | "2008-10-17")) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    for statement in &document.statement {
        if statement.action.is_some() == statement.not_action.is_some() {
            return Err(malformed("Policy statement must contain actions."));
        }
        let actions = statement.action.iter().chain(&statement.not_action).flatten();
        if let Some(bad) = actions.into_iter().find(|action| !is_action(action)) {
            return Err(malformed(format!(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: {bad}"
            )));
        }
        if let Some(bad) = statement.condition.keys().find(|operator| !condition::is_known(operator)) {
            return Err(malformed(format!("Invalid Condition type : {bad}.")));
        }
    }
    Ok(document.statement)
}

fn is_action(action: &str) -> bool {
    action == "*" || action.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty())
}

fn is_resource(resource: &str) -> bool {
    resource == "*" || resource.starts_with("arn:") && resource.split(':').count() >= 6
}

fn malformed(message: impl Into<String>) -> IamError {
    IamError::MalformedPolicy(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labs_documents_are_understood() {
        PolicyDocument::parse(include_str!("../../../lab/policy.json")).unwrap();
        let trust = TrustDocument::parse(include_str!("../../../lab/trust.json")).unwrap();
        assert!(trust.trusts_service("redshift.amazonaws.com"));
        assert!(!trust.trusts_service("lambda.amazonaws.com"));
    }

    #[test]
    fn documents_that_break_the_grammar_are_refused() {
        let bad = [
            "",
            "{",
            r#"{"Version": "2012-10-17"}"#,
            r#"{"Version": "2020-01-01", "Statement": []}"#,
            r#"{"Statement": {"Effect": "allow", "Action": "s3:Get", "Resource": "*"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Action": "Get", "Resource": "*"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get", "Resource": "bucket"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get", "Resource": "*", "Principal": "*"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get", "Resource": "*", "Condition": {"Odd": {"a": "b"}}}}"#,
        ];
        for text in bad {
            assert!(matches!(PolicyDocument::parse(text), Err(IamError::MalformedPolicy(_))), "{text}");
        }
    }
}
