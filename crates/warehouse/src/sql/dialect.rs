//! The parser's Redshift dialect with what it lacks.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{ColumnOption, Expr, UnaryOperator};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence, RedshiftSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::object_transform::parse_object_transform;

/// Redshift's SQL.
#[derive(Debug, Default)]
pub(crate) struct RedshiftDialect(RedshiftSqlDialect);

impl Dialect for RedshiftDialect {
    /// The parser asks in places which dialect it has; it is to see its own.
    fn dialect(&self) -> TypeId {
        TypeId::of::<RedshiftSqlDialect>()
    }

    /// What is in brackets is a place in an array, not a name.
    fn is_nested_delimited_identifier_start(&self, _ch: char) -> bool {
        false
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.0.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.0.is_identifier_part(ch)
    }

    fn convert_type_before_value(&self) -> bool {
        true
    }

    fn supports_top_before_distinct(&self) -> bool {
        true
    }

    fn supports_partiql(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_exclude(&self) -> bool {
        true
    }

    fn supports_create_table_like_parenthesized(&self) -> bool {
        true
    }

    fn supports_string_literal_concatenation_with_newline(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    /// Aggregates may filter, as PostgreSQL's do; Redshift has no other use for the word.
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    /// The power binds more tightly than any other operator of two sides (PostgreSQL, Redshift).
    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Caret => self.0.prec_value(Precedence::MulDivModOp) + 1,
            other => self.0.prec_value(other),
        }
    }

    /// What puts texts together, and what moves bits, binds less tightly than arithmetic (PostgreSQL, Redshift).
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let is_other = matches!(
            parser.peek_token_ref().token,
            Token::StringConcat | Token::ShiftLeft | Token::ShiftRight | Token::Sharp
        );
        is_other.then(|| Ok(self.prec_value(Precedence::Xor)))
    }

    /// Signs, which bind still more tightly, the operators `@`, `|/` and `||/`, which the parser knows of PostgreSQL only, and
    /// OBJECT_TRANSFORM.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let (op, precedence) = match parser.peek_token_ref().token {
            Token::Minus => (UnaryOperator::Minus, Precedence::Caret),
            Token::Plus => (UnaryOperator::Plus, Precedence::Caret),
            Token::Tilde => (UnaryOperator::BitwiseNot, Precedence::Xor),
            Token::AtSign => (UnaryOperator::PGAbs, Precedence::Xor),
            Token::PGSquareRoot => (UnaryOperator::PGSquareRoot, Precedence::Xor),
            Token::PGCubeRoot => (UnaryOperator::PGCubeRoot, Precedence::Xor),
            _ => return parse_object_transform(parser),
        };
        parser.next_token();
        let operand = parser.parse_subexpr(self.prec_value(precedence));
        Some(operand.map(|operand| Expr::UnaryOp { op, expr: Box::new(operand) }))
    }

    /// Column attributes that only tell how a column is stored: `ENCODE lzo`, `DISTKEY`, `SORTKEY`.
    fn parse_column_option(
        &self,
        parser: &mut Parser<'_>,
    ) -> Result<Option<Result<Option<ColumnOption>, ParserError>>, ParserError> {
        let attribute = parser.peek_token();
        let is = |word: &str| attribute.to_string().eq_ignore_ascii_case(word);
        if is("encode") {
            parser.next_token();
            parser.next_token();
            return Ok(Some(Ok(Some(ColumnOption::DialectSpecific(vec![attribute.token])))));
        }
        if parser.parse_one_of_keywords(&[Keyword::DISTKEY, Keyword::SORTKEY]).is_some() {
            return Ok(Some(Ok(Some(ColumnOption::DialectSpecific(vec![attribute.token])))));
        }
        Ok(None)
    }
}
