//! Who besides its owner may do what with a relation, a schema or the database.

use std::collections::{BTreeMap, BTreeSet};

/// What one may do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
    Drop,
    References,
    Usage,
    Create,
}

impl Privilege {
    /// Those that relations have, and those that schemas and the database have.
    pub(crate) const OF_RELATIONS: [Self; 7] =
        [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Truncate, Self::Drop, Self::References];
    pub(crate) const OF_SCHEMAS: [Self; 2] = [Self::Usage, Self::Create];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Drop => "DROP",
            Self::References => "REFERENCES",
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::OF_RELATIONS.into_iter().chain(Self::OF_SCHEMAS).find(|privilege| privilege.as_str() == text)
    }
}

/// The number of the database among the objects that privileges are granted on.
pub(crate) const DATABASE_ID: i64 = 0;

/// The grantee that everybody is.
pub(crate) const PUBLIC: &str = "public";

/// All grants of a cluster, by object and grantee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    granted: BTreeMap<(i64, String), BTreeSet<Privilege>>,
}

impl Grants {
    pub(crate) fn grant(&mut self, object: i64, grantee: &str, privilege: Privilege) {
        self.granted.entry((object, grantee.to_owned())).or_default().insert(privilege);
    }

    pub(crate) fn revoke(&mut self, object: i64, grantee: &str, privilege: Privilege) {
        if let Some(granted) = self.granted.get_mut(&(object, grantee.to_owned())) {
            granted.remove(&privilege);
        }
    }

    /// Whether a user, or everybody, was granted a privilege.
    pub(crate) fn has(&self, object: i64, user: &str, privilege: Privilege) -> bool {
        [user, PUBLIC].iter().any(|grantee| {
            self.granted.get(&(object, (*grantee).to_owned())).is_some_and(|granted| granted.contains(&privilege))
        })
    }

    /// Takes back everything that was granted on an object.
    pub(crate) fn forget_object(&mut self, object: i64) {
        self.granted.retain(|(granted, _), _| *granted != object);
    }

    /// Whether anything was granted to a user.
    pub(crate) fn names(&self, user: &str) -> bool {
        self.granted.iter().any(|((_, grantee), privileges)| grantee == user && !privileges.is_empty())
    }

    /// All grants: object, grantee, privilege.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &str, Privilege)> {
        self.granted.iter().flat_map(|((object, grantee), privileges)| {
            privileges.iter().map(move |privilege| (*object, grantee.as_str(), *privilege))
        })
    }
}
