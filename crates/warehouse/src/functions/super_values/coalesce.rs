//! COALESCE, which is also called NVL: the engine's own, but that one of SUPER values is a SUPER value.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::functions::core;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::functions::function::Function;
use crate::types::{SqlType, common_type};

/// The function that gives the first of its arguments that is not NULL.
pub(crate) fn function() -> ScalarUDF {
    let inner = core::coalesce();
    ScalarUDF::from(Coalesce { inner, aliases: ["nvl".to_owned()] })
}

/// The name by which analyzer rules find [`known_super`].
pub(crate) const KNOWN_SUPER: &str = "known_super";

/// The same value, of which the engine has forgotten that it is SUPER.
pub(crate) fn known_super(value: Expr) -> Expr {
    let function = Function::new(
        KNOWN_SUPER,
        |types| Ok(types.to_vec()),
        |_| Ok(SqlType::Super.field_ref(KNOWN_SUPER)),
        |args| Ok(args.args[0].clone()),
    );
    ScalarUDF::from(function.of_super()).call(vec![value])
}

/// Whether values are SUPER, even if the engine would convert them to the type of the others.
fn is_super(field: &Field) -> bool {
    SqlType::tag_of(field) == Some(SqlType::Super)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Coalesce {
    inner: Arc<ScalarUDF>,
    aliases: [String; 1],
}

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match args.arg_fields.iter().any(|field| is_super(field)) {
            true => Ok(SqlType::Super.field_ref(self.name())),
            false => self.inner.return_field_from_args(args),
        }
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        // Redshift: texts are taken for values of the type that the others have.
        if let Some(common) = common_type(arguments.iter().map(SqlType::of_arrow)) {
            return Ok(vec![common.arrow(); arguments.len()]);
        }
        let (texts, others): (Vec<_>, Vec<_>) = arguments.iter().cloned().partition(DataType::is_string);
        if texts.is_empty() || others.iter().all(DataType::is_null) {
            return self.inner.coerce_types(arguments);
        }
        let common = self.inner.coerce_types(&others)?.swap_remove(0);
        Ok(vec![common; arguments.len()])
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_super =
            args.iter().any(|value| value.to_field(context.schema()).is_ok_and(|(_, field)| is_super(&field)));
        Ok(match self.inner.simplify(args, context)? {
            ExprSimplifyResult::Simplified(value) if is_super => ExprSimplifyResult::Simplified(known_super(value)),
            simplified => simplified,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
