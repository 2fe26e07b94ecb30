//! The compiled definitions of a cluster's views.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;

use super::{Maintenance, Obstacle};
use crate::error::Result;
use crate::plan::Definition;
use crate::storage::Relation;

/// Turns the text of a view's query into a plan over leaves.
#[async_trait]
pub(crate) trait Compiler: Send + Sync {
    async fn compile(&self, relation: &Relation) -> Result<ViewPlan>;
}

/// What a view's query says.
#[derive(Debug, Clone)]
pub(crate) struct ViewPlan {
    /// Knows the functions that the plan calls.
    pub(crate) planner: SessionState,
    /// All of it, over leaves.
    pub(crate) whole: LogicalPlan,
    pub(crate) maintenance: Result<Maintenance, Obstacle>,
    /// Whether its rows depend on when it runs. Then this is the plan of one moment.
    pub(crate) is_mutable: bool,
}

impl ViewPlan {
    pub(crate) fn new(planner: SessionState, definition: Definition) -> Result<Self> {
        let Definition { plan: whole, is_mutable } = definition;
        let maintenance = if is_mutable { Err(Obstacle("a mutable function")) } else { Maintenance::of(&whole)? };
        Ok(Self { planner, whole, maintenance, is_mutable })
    }

    pub(super) fn parts(&self) -> Result<&Maintenance> {
        self.maintenance.as_ref().map_err(|Obstacle(what)| {
            crate::error::SqlError::unsupported(format!("a view with {what} cannot be refreshed from new rows alone"))
        })
    }
}

/// Plans by view, each compiled when it is first needed: a view's definition never changes.
pub(crate) struct ViewPlans {
    compiler: Box<dyn Compiler>,
    /// Held for look-ups only.
    compiled: Mutex<HashMap<i64, Arc<ViewPlan>>>,
}

impl ViewPlans {
    pub(crate) fn new(compiler: Box<dyn Compiler>) -> Self {
        Self { compiler, compiled: Mutex::default() }
    }

    /// The plan of a view.
    pub(crate) async fn of(&self, relation: &Relation) -> Result<Arc<ViewPlan>> {
        if let Some(plan) = self.lock().get(&relation.id) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(self.compiler.compile(relation).await?);
        if !plan.is_mutable {
            self.lock().insert(relation.id, Arc::clone(&plan));
        }
        Ok(plan)
    }

    /// Lets go of the plan of a dropped view.
    pub(super) fn forget(&self, relation: i64) {
        self.lock().remove(&relation);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Arc<ViewPlan>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ViewPlans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ViewPlans").finish_non_exhaustive()
    }
}
