//! `OBJECT_TRANSFORM(input KEEP path, … SET path, value, …)`, whose arguments commas do not part.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::expressions::{call, number};

/// The name of the function.
pub(crate) const OBJECT_TRANSFORM: &str = "object_transform";

/// Reads such a call, if one is next, as a call with commas: the input, how many paths are kept, these, and by turns the paths and
/// values that are set. This is how the query of a view is kept, so it is read, too.
pub(super) fn parse_object_transform(parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    let [Token::Word(name), Token::LParen] = parser.peek_tokens() else { return None };
    if name.quote_style.is_some() || name.value != OBJECT_TRANSFORM {
        return None;
    }
    parser.next_token();
    parser.next_token();
    Some(parse_arguments(parser).map(|arguments| call(OBJECT_TRANSFORM, arguments)))
}

fn parse_arguments(parser: &mut Parser<'_>) -> Result<Vec<Expr>, ParserError> {
    let mut arguments = vec![parser.parse_expr()?];
    if parser.consume_token(&Token::Comma) {
        arguments.extend(parser.parse_comma_separated(Parser::parse_expr)?);
    } else {
        let kept = match parser.consume_token(&Token::make_word("keep", None)) {
            true => parser.parse_comma_separated(Parser::parse_expr)?,
            false => Vec::new(),
        };
        arguments.push(number(kept.len() as i64));
        arguments.extend(kept);
        if parser.parse_keyword(Keyword::SET) {
            arguments.extend(parser.parse_comma_separated(Parser::parse_expr)?);
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(arguments)
}
