//! Long chains of operators, as in `a = 1 OR a = 2 OR ...`. Whoever walks through one calls itself for each operator, so they are
//! only as long as a thread's stack allows.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parser::is_word;
use crate::error::{ErrorKind, Result, SqlError};

/// The most operators in a row.
const MOST: usize = 5_000;
/// A query in a UNION takes as much of a stack as so many operators.
const UNION: usize = 10;

/// Fails for a statement with a chain that is too long.
pub(super) fn check_chains(tokens: &[TokenWithSpan]) -> Result<()> {
    // Of each pair of parentheses that is open.
    let mut chains = vec![0];
    for token in tokens {
        match &token.token {
            Token::LParen => chains.push(0),
            Token::RParen if chains.len() > 1 => {
                chains.pop();
            }
            Token::Comma | Token::SemiColon => start(&mut chains, 0),
            other => {
                let so_far = chains.last().copied().unwrap_or(0);
                start(&mut chains, so_far + links(token, other));
            }
        }
        if chains.last().is_some_and(|chain| *chain > MOST) {
            let message = format!("a chain of more than {MOST} operators is too long");
            return Err(SqlError::new(ErrorKind::StatementTooComplex, message));
        }
    }
    Ok(())
}

fn start(chains: &mut [usize], at: usize) {
    if let Some(chain) = chains.last_mut() {
        *chain = at;
    }
}

fn links(token: &TokenWithSpan, kind: &Token) -> usize {
    match kind {
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::Caret | Token::StringConcat => 1,
        _ if is_word(token, "and") || is_word(token, "or") => 1,
        _ if ["union", "except", "intersect", "join"].iter().any(|word| is_word(token, word)) => UNION,
        _ => 0,
    }
}
