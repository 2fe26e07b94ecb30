//! Long chains of operators, as in `a = 1 OR a = 2 OR ...`. Whoever walks through one calls itself for each operator, so they are
//! only as long as a thread's stack allows.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::parser::is_word;
use crate::error::{ErrorKind, Result, SqlError};

/// The most operators in a row.
const MOST: usize = 5_000;
/// A query in a UNION, or a relation in a JOIN, takes as much of a stack as so many operators.
const UNION: usize = 10;

/// Fails for a statement with a chain that is too long.
pub(super) fn check_chains(tokens: &[TokenWithSpan]) -> Result<()> {
    // Of each pair of parentheses that is open.
    let mut levels = vec![Level::default()];
    for token in tokens {
        match &token.token {
            Token::LParen => levels.push(Level::default()),
            Token::RParen if levels.len() > 1 => {
                levels.pop();
            }
            _ => {}
        }
        let Some(level) = levels.last_mut() else { continue };
        level.take(token);
        if level.operators + level.queries > MOST {
            let message = format!("a chain of more than {MOST} operators is too long");
            return Err(SqlError::new(ErrorKind::StatementTooComplex, message));
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Level {
    /// Operators of one expression.
    operators: usize,
    /// What queries and joined relations are worth, which commas do not part.
    queries: usize,
}

impl Level {
    fn take(&mut self, token: &TokenWithSpan) {
        let is_one_of = |words: &[&str]| words.iter().any(|word| is_word(token, word));
        match &token.token {
            Token::SemiColon => *self = Self::default(),
            Token::Comma => self.operators = 0,
            Token::Word(_) if is_one_of(&["when", "then", "else"]) => self.operators = 0,
            Token::Word(_) if is_one_of(&["and", "or", "is", "like", "at", "not"]) => self.operators += 1,
            Token::Word(_) if is_one_of(&["union", "except", "intersect", "join"]) => {
                self.operators = 0;
                self.queries += UNION;
            }
            other if is_operator(other) => self.operators += 1,
            _ => {}
        }
    }
}

fn is_operator(token: &Token) -> bool {
    matches!(
        token,
        Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::Caret
            | Token::StringConcat
            | Token::DoubleColon
            | Token::LBracket
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::LtEq
            | Token::Gt
            | Token::GtEq
            | Token::Pipe
            | Token::Ampersand
            | Token::ShiftLeft
            | Token::ShiftRight
    )
}
