//! Text to statements.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement as SqlStatement};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{IsOptional, Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use tidemill_clock::Timestamp;

use super::chains::check_chains;
use super::dialect::RedshiftDialect;
use super::part::Part;
use super::position;
use super::statement::{
    AlterMaterializedView, AlterUser, AlterViewAction, Analyze, AppendFrom, CreateExternalSchema,
    CreateMaterializedView, CreateUser, DistClause, DropMaterializedView, DropUser, KeepSetting, Password,
    RefreshMaterializedView, SortTerm, Statement, UserOptions,
};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::Moment;

/// A statement and the text that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) text: String,
}

/// Reads the statements of a text, which semicolons separate. Names fold to lower case, quoted ones too
/// unless `case_sensitive` (Redshift: `enable_case_sensitive_identifier`).
pub(crate) fn parse(text: &str, case_sensitive: bool) -> Result<Vec<Parsed>> {
    let dialect = RedshiftDialect::default();
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        let place = position::of_line(text, error.location.line, error.location.column);
        SqlError::syntax(error.message).at(place)
    })?;
    let tokens: Vec<_> = tokens.into_iter().map(|token| fold(token, case_sensitive)).collect();
    let tokens = past_tables(plain_operators(tokens))?;
    let statements = tokens.split(|token| token.token == Token::SemiColon);
    let statements =
        statements.filter(|tokens| tokens.iter().any(|token| !matches!(token.token, Token::Whitespace(_))));
    statements.map(|tokens| parse_one(&dialect, text, tokens)).collect()
}

/// Reads the query that is kept of a view, in which case matters where names are quoted.
pub(crate) fn parse_query(text: &str) -> Result<Query> {
    let statement = parse(text, true)?.into_iter().next().map(|parsed| parsed.statement);
    match statement {
        Some(Statement::Sql(statement)) => match *statement {
            SqlStatement::Query(query) => Ok(*query),
            _ => Err(SqlError::syntax("a query was expected")),
        },
        _ => Err(SqlError::syntax("a query was expected")),
    }
}

/// A name in lower case, and a text with escapes, which any text may have, as any other.
fn fold(mut token: TokenWithSpan, case_sensitive: bool) -> TokenWithSpan {
    match &mut token.token {
        Token::Word(word) if !(case_sensitive && word.quote_style.is_some()) => word.value = word.value.to_lowercase(),
        Token::EscapedStringLiteral(text) => token.token = Token::SingleQuotedString(std::mem::take(text)),
        _ => {}
    }
    token
}

/// Writes `OPERATOR(pg_catalog.~)`, which psql sends and the parser knows in another dialect only, as `~`.
fn plain_operators(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut plain = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        match rest {
            [operator, open, schema, dot, symbol, close, after @ ..]
                if is_word(operator, "operator")
                    && open.token == Token::LParen
                    && is_word(schema, "pg_catalog")
                    && dot.token == Token::Period
                    && close.token == Token::RParen =>
            {
                plain.push(symbol.clone());
                rest = after;
            }
            _ => {
                plain.push(first.clone());
                rest = after;
            }
        }
    }
    plain
}

/// Writes `view AT (SNAPSHOT 5)` and `view AT (TIMESTAMP '2026-01-02 03:04:05')` as names that mean it.
fn past_tables(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let mut read = Vec::with_capacity(tokens.len());
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let Some((moment, length)) = moment_after(first, after)? else {
            read.push(first.clone());
            continue;
        };
        let mut named = first.clone();
        if let Token::Word(word) = &mut named.token {
            word.value = Part::At(moment).name(&word.value);
            word.quote_style = Some('"');
        }
        read.push(named);
        rest = &after[length..];
    }
    Ok(read)
}

/// The moment that is told behind a name, and by how many tokens.
fn moment_after(name: &TokenWithSpan, after: &[TokenWithSpan]) -> Result<Option<(Moment, usize)>> {
    let told = after.iter().enumerate().filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)));
    let told: Vec<(usize, &TokenWithSpan)> = told.take(5).collect();
    let [(_, at), (_, open), (_, kind), (_, value), (last, close)] = told.as_slice() else { return Ok(None) };
    let is_told = matches!(name.token, Token::Word(_))
        && is_word(at, "at")
        && open.token == Token::LParen
        && close.token == Token::RParen;
    let moment = match &value.token {
        Token::Number(number, _) if is_told && is_word(kind, "snapshot") => number.parse().ok().map(Moment::Snapshot),
        Token::SingleQuotedString(text) if is_told && is_word(kind, "timestamp") => {
            Some(Moment::Time(read_time(text)?))
        }
        _ => None,
    };
    Ok(moment.map(|moment| (moment, last + 1)))
}

fn read_time(text: &str) -> Result<Timestamp> {
    let plain = text.trim_end_matches("+00").replace('T', " ");
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let time = formats.iter().find_map(|format| chrono::NaiveDateTime::parse_from_str(&plain, format).ok());
    let time = time.or_else(|| chrono::NaiveDate::parse_from_str(&plain, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    let time = time.ok_or_else(|| {
        let message = format!("invalid input syntax for type timestamp: \"{text}\"");
        SqlError::new(ErrorKind::InvalidDatetimeFormat, message)
    })?;
    Ok(Timestamp::from_millis(time.and_utc().timestamp_millis()))
}

pub(super) fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found) if found.quote_style.is_none() && found.value == word)
}

fn parse_one(dialect: &RedshiftDialect, text: &str, tokens: &[TokenWithSpan]) -> Result<Parsed> {
    check_chains(tokens)?;
    let parser = Parser::new(dialect).with_tokens_with_locations(tokens.to_vec());
    let mut reader = Reader { parser, source: text, tokens };
    let statement = reader.statement().map_err(|error| syntax_error(text, &error))?;
    Ok(Parsed { statement, text: slice(text, tokens).to_owned() })
}

fn syntax_error(text: &str, error: &ParserError) -> SqlError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply",
    };
    let (message, place) = position::split_message(text, message);
    let message = match message.rsplit_once(", found: ") {
        Some((_, "EOF")) => "syntax error at end of input".to_owned(),
        Some((_, found)) => format!("syntax error at or near \"{found}\""),
        None => message.to_owned(),
    };
    SqlError::syntax(message).at(place)
}

/// The part of the text that `tokens` were read from, without surrounding white space.
fn slice<'t>(text: &'t str, tokens: &[TokenWithSpan]) -> &'t str {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return "" };
    let start = byte_offset(text, first.span.start.line, first.span.start.column);
    let end = byte_offset(text, last.span.end.line, last.span.end.column);
    text.get(start..end).unwrap_or(text).trim()
}

fn byte_offset(text: &str, line: u64, column: u64) -> usize {
    let characters = position::of_line(text, line, column).unwrap_or(1) - 1;
    text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset)
}

/// Reads one statement.
struct Reader<'d> {
    parser: Parser<'d>,
    source: &'d str,
    tokens: &'d [TokenWithSpan],
}

impl Reader<'_> {
    fn statement(&mut self) -> Result<Statement, ParserError> {
        let statement = if self.words(&["create", "external", "schema"]) {
            Statement::CreateExternalSchema(self.create_external_schema()?)
        } else if self.words(&["create", "or", "replace", "materialized", "view"]) {
            self.create_materialized_view(true)?
        } else if self.words(&["create", "materialized", "view"]) {
            self.create_materialized_view(false)?
        } else if self.words(&["refresh", "materialized", "view"]) {
            let name = self.parser.parse_object_name(false)?;
            Statement::RefreshMaterializedView(RefreshMaterializedView { name, cascade: self.cascade() })
        } else if self.words(&["explain", "refresh", "materialized", "view"]) {
            Statement::ExplainRefresh(self.parser.parse_object_name(false)?)
        } else if self.words(&["drop", "materialized", "view"]) {
            Statement::DropMaterializedView(self.drop_materialized_view()?)
        } else if self.words(&["alter", "materialized", "view"]) {
            let name = self.parser.parse_object_name(false)?;
            let action = match self.words(&["owner", "to"]) {
                true => AlterViewAction::Owner(self.parser.parse_identifier()?),
                false => {
                    self.expect(&["auto", "refresh"])?;
                    AlterViewAction::AutoRefresh(self.yes_or_no()?)
                }
            };
            Statement::AlterMaterializedView(AlterMaterializedView { name, action })
        } else if self.words(&["create", "user"]) {
            let name = self.parser.parse_identifier()?;
            Statement::CreateUser(CreateUser { name, options: self.user_options()? })
        } else if self.words(&["alter", "user"]) {
            let name = self.parser.parse_identifier()?;
            match self.keep_setting(Some(name.clone()))? {
                Some(keep) => Statement::KeepSetting(keep),
                None => Statement::AlterUser(AlterUser { name, options: self.user_options()? }),
            }
        } else if self.words(&["alter", "system"]) {
            match self.keep_setting(None)? {
                Some(keep) => Statement::KeepSetting(keep),
                None => return self.parser.expected("SET or RESET", self.parser.peek_token()),
            }
        } else if self.words(&["drop", "user"]) {
            let if_exists = self.words(&["if", "exists"]);
            let names = self.parser.parse_comma_separated(Parser::parse_identifier)?;
            Statement::DropUser(DropUser { names, if_exists })
        } else if self.words(&["analyze"]) {
            Statement::Analyze(self.analyze()?)
        } else if self.words(&["tail"]) {
            Statement::Tail(self.parser.parse_object_name(false)?)
        } else if let Some(owner) = self.table_owner()? {
            owner
        } else if self.is_append_from() {
            Statement::AppendFrom(self.append_from()?)
        } else {
            Statement::Sql(Box::new(self.parser.parse_statement()?))
        };
        match self.parser.peek_token().token {
            Token::EOF => Ok(statement),
            _ => self.parser.expected("end of statement", self.parser.peek_token()),
        }
    }

    /// `[VERBOSE] [name [(column, …)]] [PREDICATE COLUMNS | ALL COLUMNS]`.
    fn analyze(&mut self) -> Result<Analyze, ParserError> {
        self.words(&["verbose"]);
        let (mut name, mut columns) = (None, Vec::new());
        if !self.which_columns() && matches!(self.parser.peek_token().token, Token::Word(_)) {
            name = Some(self.parser.parse_object_name(false)?);
            if self.parser.peek_token().token == Token::LParen {
                columns = self.parser.parse_parenthesized_column_list(IsOptional::Mandatory, false)?;
            }
            self.which_columns();
        }
        Ok(Analyze { name, columns })
    }

    fn which_columns(&mut self) -> bool {
        self.words(&["predicate", "columns"]) || self.words(&["all", "columns"])
    }

    /// `ALTER TABLE name OWNER TO user`, which the parser knows in other dialects only.
    fn table_owner(&mut self) -> Result<Option<Statement>, ParserError> {
        self.parser.maybe_parse(|parser| {
            parser.expect_keywords(&[Keyword::ALTER, Keyword::TABLE])?;
            let name = parser.parse_object_name(false)?;
            parser.expect_keywords(&[Keyword::OWNER, Keyword::TO])?;
            Ok(Statement::AlterTableOwner(name, parser.parse_identifier()?))
        })
    }

    fn create_external_schema(&mut self) -> Result<CreateExternalSchema, ParserError> {
        let if_not_exists = self.words(&["if", "not", "exists"]);
        let name = self.parser.parse_identifier()?;
        self.expect(&["from"])?;
        if !self.words(&["kinesis"]) {
            let source = self.parser.peek_token();
            let message = format!("external schemas from {source} are not supported, only from KINESIS");
            return Err(ParserError::ParserError(message));
        }
        let region = if self.words(&["region"]) { Some(self.parser.parse_literal_string()?) } else { None };
        self.expect(&["iam_role"])?;
        let role = if self.words(&["default"]) { None } else { Some(self.parser.parse_literal_string()?) };
        Ok(CreateExternalSchema { name, if_not_exists, region, role })
    }

    /// The clauses may come in any order, each once.
    fn create_materialized_view(&mut self, or_replace: bool) -> Result<Statement, ParserError> {
        let name = self.parser.parse_object_name(false)?;
        let (mut backup, mut auto_refresh, mut dist, mut sort) = (true, false, None, Vec::new());
        loop {
            if self.words(&["backup"]) {
                backup = self.yes_or_no()?;
            } else if self.words(&["diststyle"]) {
                dist = self.dist_style()?.or(dist);
            } else if self.words(&["distkey"]) {
                dist = self.terms()?.into_iter().next().map(DistClause::Key);
            } else if self.words(&["compound", "sortkey"]) || self.words(&["sortkey"]) {
                sort = self.terms()?;
            } else if self.words(&["auto", "refresh"]) {
                auto_refresh = self.yes_or_no()?;
            } else {
                break;
            }
        }
        self.expect(&["as"])?;
        let query = self.parser.parse_query()?;
        Ok(Statement::CreateMaterializedView(Box::new(CreateMaterializedView {
            name,
            or_replace,
            backup,
            dist,
            sort,
            auto_refresh,
            query,
            text: slice(self.source, self.tokens).to_owned(),
        })))
    }

    /// `DISTSTYLE KEY` says nothing that DISTKEY does not.
    fn dist_style(&mut self) -> Result<Option<DistClause>, ParserError> {
        if self.words(&["auto"]) {
            Ok(Some(DistClause::Auto))
        } else if self.words(&["even"]) {
            Ok(Some(DistClause::Even))
        } else if self.words(&["all"]) {
            Ok(Some(DistClause::All))
        } else {
            self.expect(&["key"])?;
            Ok(None)
        }
    }

    fn terms(&mut self) -> Result<Vec<SortTerm>, ParserError> {
        self.parser.expect_token(&Token::LParen)?;
        let terms = self.parser.parse_comma_separated(|parser| match parser.peek_token().token {
            Token::Number(..) => parser.parse_literal_uint().map(SortTerm::Ordinal),
            _ => parser.parse_identifier().map(SortTerm::Name),
        })?;
        self.parser.expect_token(&Token::RParen)?;
        Ok(terms)
    }

    fn drop_materialized_view(&mut self) -> Result<DropMaterializedView, ParserError> {
        let if_exists = self.parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        let names = self.parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
        Ok(DropMaterializedView { names, if_exists, cascade: self.cascade() })
    }

    /// `CASCADE`, or `RESTRICT`, which is what is meant by nothing.
    fn cascade(&mut self) -> bool {
        let cascade = self.words(&["cascade"]);
        if !cascade {
            self.words(&["restrict"]);
        }
        cascade
    }

    fn user_options(&mut self) -> Result<UserOptions, ParserError> {
        let mut options = UserOptions::default();
        self.words(&["with"]);
        loop {
            if self.words(&["password"]) {
                options.password = Some(match self.words(&["disable"]) {
                    true => Password::Disabled,
                    false => {
                        let password = self.parser.parse_literal_string()?;
                        let hash = password
                            .strip_prefix("md5")
                            .filter(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
                        hash.map_or(Password::Clear(password.clone()), |hash| Password::Hashed(hash.to_lowercase()))
                    }
                });
            } else if self.words(&["createuser"]) {
                options.superuser = Some(true);
            } else if self.words(&["nocreateuser"]) {
                options.superuser = Some(false);
            } else if !self.words(&["createdb"]) && !self.words(&["nocreatedb"]) {
                return Ok(options);
            }
        }
    }

    /// `SET name {TO | =} value` or `RESET name`, if that comes next.
    fn keep_setting(&mut self, user: Option<Ident>) -> Result<Option<KeepSetting>, ParserError> {
        if self.words(&["reset"]) {
            let name = self.parser.parse_identifier()?.value;
            return Ok(Some(KeepSetting { user, name, value: None }));
        }
        if !self.words(&["set"]) {
            return Ok(None);
        }
        let name = self.parser.parse_identifier()?.value;
        if !self.words(&["to"]) {
            self.parser.expect_token(&Token::Eq)?;
        }
        let value = match self.parser.next_token().token {
            Token::SingleQuotedString(text) | Token::Number(text, _) => text,
            Token::Word(word) => word.value,
            _ => return self.parser.expected("a value", self.parser.peek_token()),
        };
        Ok(Some(KeepSetting { user, name, value: Some(value).filter(|value| !value.eq_ignore_ascii_case("default")) }))
    }

    /// Whether the statement is `ALTER TABLE name APPEND …`.
    fn is_append_from(&self) -> bool {
        let is_word_at = |ahead: usize, word: &str| is_word(&self.parser.peek_nth_token(ahead), word);
        let name_ends = if self.parser.peek_nth_token(3).token == Token::Period { 5 } else { 3 };
        is_word_at(0, "alter") && is_word_at(1, "table") && is_word_at(name_ends, "append")
    }

    fn append_from(&mut self) -> Result<AppendFrom, ParserError> {
        self.expect(&["alter", "table"])?;
        let target = self.parser.parse_object_name(false)?;
        self.expect(&["append", "from"])?;
        let source = self.parser.parse_object_name(false)?;
        let ignore_extra = self.words(&["ignoreextra"]);
        let fill_target = !ignore_extra && self.words(&["filltarget"]);
        Ok(AppendFrom { target, source, ignore_extra, fill_target })
    }

    fn yes_or_no(&mut self) -> Result<bool, ParserError> {
        if self.words(&["yes"]) {
            return Ok(true);
        }
        self.expect(&["no"])?;
        Ok(false)
    }

    /// Takes these words if they all come next. Not all of them are keywords of the parser.
    fn words(&mut self, words: &[&str]) -> bool {
        let come_next = words.iter().enumerate().all(|(ahead, word)| is_word(&self.parser.peek_nth_token(ahead), word));
        if come_next {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        come_next
    }

    fn expect(&mut self, words: &[&str]) -> Result<(), ParserError> {
        if self.words(words) {
            return Ok(());
        }
        self.parser.expected(&words.join(" "), self.parser.peek_token())
    }
}

/// The parts of a name: schema, if any, and name.
pub(crate) fn split_name(name: &ObjectName) -> Result<(Option<String>, String)> {
    let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    match idents.as_slice() {
        [name] => Ok((None, name.value.clone())),
        // A database name in front is this database's.
        [schema, name] | [_, schema, name] => Ok((Some(schema.value.clone()), name.value.clone())),
        _ => Err(SqlError::syntax(format!("improper qualified name: {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Parsed {
        parse(text, false).unwrap().remove(0)
    }

    #[test]
    fn the_labs_statements_are_read() {
        let schema = only(include_str!("../../../../lab/1-external-schema.sql"));
        assert!(matches!(schema.statement, Statement::CreateExternalSchema(schema) if schema.name.value == "evdata"));

        let texts = parse(include_str!("../../../../lab/2-super-view.sql"), false).unwrap();
        assert_eq!(texts.len(), 3);

        let Statement::CreateMaterializedView(view) =
            only(include_str!("../../../../lab/3-extract-view.sql")).statement
        else {
            panic!("not a view");
        };
        assert!(view.auto_refresh && view.backup);
        assert!(matches!(view.dist, Some(DistClause::Key(SortTerm::Ordinal(6)))));
        assert!(matches!(view.sort.as_slice(), [SortTerm::Ordinal(1)]));
        assert!(view.query.to_string().ends_with("< 65355"));
        assert!(view.text.starts_with("CREATE MATERIALIZED VIEW ev_station_data_extract DISTKEY(6)"));

        assert_eq!(parse(include_str!("../../../../lab/4-usage.sql"), false).unwrap().len(), 1);
    }

    #[test]
    fn a_syntax_error_tells_its_place() {
        let error = parse("select 1;\nselect * form x", false).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "42601");
        assert_eq!(error.position, Some(20), "{error}");
    }

    #[test]
    fn quoted_names_fold_unless_case_matters() {
        let folded = |case_sensitive| match parse("select \"aB\", Cd", case_sensitive).unwrap().remove(0).statement {
            Statement::Sql(statement) => statement.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(folded(false), "SELECT \"ab\", cd");
        assert_eq!(folded(true), "SELECT \"aB\", cd");
    }
}
