//! The query engine, set up for Redshift.

use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::{SessionConfig, SessionState};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use tidemill_clock::Disk;

use super::DATABASE;
use super::averages::RedshiftAverages;
use super::casts::RedshiftCasts;
use super::fuse::FuseJsonPaths;
use super::groups::{IntegerGroups, NarrowDecimals};
use super::guards::{GuardConditions, OrderConditions};
use super::integers::IntegerLiterals;
use super::known_json::TrustKnownJson;
use super::mixed_types::CommonTypes;
use super::operators::RedshiftOperators;
use super::outer::OuterTypes;
use super::overflow::CheckedArithmetic;
use super::pinned::PinTypes;
use super::sums::RedshiftSums;
use super::super_compare::CompareSuper;
use super::super_planner::SuperNavigation;
use super::text_compare::CompareTexts;
use super::type_planner::RedshiftTypes;
use crate::error::Result;
use crate::memory::machine_memory;
use crate::storage::{DataFiles, URL};
use crate::{functions, system};

/// Part of the machine's memory that queries of a cluster may use together.
const MEMORY_FRACTION: f64 = 0.5;

/// The engine of one cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    state: SessionState,
}

impl Engine {
    /// An engine that reads data files from `disk`.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Result<Self> {
        let mut config = SessionConfig::new().with_default_catalog_and_schema(DATABASE, "public");
        let options = config.options_mut();
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.collect_spans = true;
        options.sql_parser.parse_float_as_decimal = true;
        options.execution.parquet.pushdown_filters = true;
        options.execution.parquet.schema_force_view_types = true;
        options.catalog.create_default_catalog_and_schema = false;
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(machine_memory(), MEMORY_FRACTION).build_arc()?;
        let files = ObjectStoreUrl::parse(URL)?;
        runtime.register_object_store(files.as_ref(), Arc::new(DataFiles::new(disk)));
        let mut analyzer_rules = Analyzer::new().rules;
        let of_redshift: [Arc<dyn AnalyzerRule + Send + Sync>; 7] = [
            Arc::new(IntegerLiterals),
            Arc::new(RedshiftCasts),
            Arc::new(CompareSuper),
            Arc::new(CommonTypes),
            Arc::new(OuterTypes),
            Arc::new(CompareTexts),
            Arc::new(OrderConditions),
        ];
        analyzer_rules.splice(..0, of_redshift);
        // Once the engine has settled the types.
        analyzer_rules.push(Arc::new(RedshiftAverages));
        analyzer_rules.push(Arc::new(RedshiftSums));
        analyzer_rules.push(Arc::new(CheckedArithmetic));
        analyzer_rules.push(Arc::new(PinTypes));
        // Planners are asked in order; the engine's own would take SUPER for a struct.
        let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(RedshiftOperators), Arc::new(SuperNavigation)];
        expr_planners.extend(SessionStateDefaults::default_expr_planners());
        let mut state = SessionStateBuilder::new()
            .with_default_features()
            .with_expr_planners(expr_planners)
            .with_config(config)
            .with_runtime_env(runtime)
            .with_type_planner(Arc::new(RedshiftTypes))
            .with_analyzer_rules(analyzer_rules)
            .with_optimizer_rule(Arc::new(TrustKnownJson))
            .with_optimizer_rule(Arc::new(FuseJsonPaths))
            .with_optimizer_rule(Arc::new(NarrowDecimals))
            .with_physical_optimizer_rule(Arc::new(GuardConditions))
            .with_physical_optimizer_rule(Arc::new(IntegerGroups))
            .build();
        // The engine's takes other formats, and gives back Redshift's as they are.
        state.deregister_udf("to_char")?;
        for function in functions::scalar_functions().into_iter().chain(system::functions()) {
            state.register_udf(function)?;
        }
        for function in functions::aggregate_functions() {
            state.register_udaf(function)?;
        }
        Ok(Self { state })
    }

    /// What scans and functions run in, where no statement is planned.
    pub(crate) fn scanner(&self) -> SessionState {
        self.state.clone()
    }

    /// A planner that sees `catalog`, whose unqualified names are in `schema`.
    pub(crate) fn planner(&self, catalog: Arc<dyn CatalogProviderList>, schema: &str) -> SessionState {
        // A builder would register all functions anew, for each statement.
        let mut state = self.state.clone();
        state.config_mut().options_mut().catalog.default_schema = schema.to_owned();
        state.register_catalog_list(catalog);
        state
    }
}
