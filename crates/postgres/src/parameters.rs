//! Parameters of prepared statements, from either wire form.

use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;
use tidemill_warehouse::{ErrorKind, Parameter, SqlError};

use crate::errors::to_wire;

/// The parameters of a bound statement. `types` are those that the statement itself suggests.
pub(crate) fn read<S>(portal: &Portal<S>, types: &[Type]) -> PgWireResult<Vec<Parameter>> {
    let value = |(place, bytes): (usize, &Option<bytes::Bytes>)| {
        let told = portal.statement.parameter_types.get(place).cloned().flatten();
        let wire_type = told.or_else(|| types.get(place).cloned()).unwrap_or(Type::VARCHAR);
        match bytes {
            None => Ok(Parameter::Null),
            Some(bytes) if portal.parameter_format.is_binary(place) => binary(&wire_type, bytes),
            Some(bytes) => text(&wire_type, bytes),
        }
    };
    portal.parameters.iter().enumerate().map(value).collect()
}

fn text(wire_type: &Type, bytes: &[u8]) -> PgWireResult<Parameter> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Err(invalid("a parameter is not valid UTF-8")) };
    let is_number = matches!(
        *wire_type,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC | Type::OID
    );
    match is_number && text.parse::<f64>().is_ok_and(f64::is_finite) {
        true => Ok(Parameter::Number(text.to_owned())),
        false => Ok(Parameter::Text(text.to_owned())),
    }
}

fn binary(wire_type: &Type, bytes: &[u8]) -> PgWireResult<Parameter> {
    let number = |number: Option<String>| {
        number.map(Parameter::Number).ok_or_else(|| invalid("a parameter has the wrong length"))
    };
    match *wire_type {
        Type::BOOL => Ok(Parameter::Text(if bytes == [1] { "true" } else { "false" }.to_owned())),
        Type::INT2 => number(bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).to_string())),
        Type::INT4 => number(bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string())),
        Type::INT8 => number(bytes.try_into().ok().map(|bytes| i64::from_be_bytes(bytes).to_string())),
        Type::FLOAT4 => number(bytes.try_into().ok().map(|bytes| f32::from_be_bytes(bytes).to_string())),
        Type::FLOAT8 => number(bytes.try_into().ok().map(|bytes| f64::from_be_bytes(bytes).to_string())),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::UNKNOWN | Type::NAME => text(wire_type, bytes),
        _ => Err(invalid(&format!("binary parameters of type {wire_type} are not supported"))),
    }
}

fn invalid(message: &str) -> pgwire::error::PgWireError {
    to_wire(SqlError::new(ErrorKind::InvalidParameterValue, message))
}
