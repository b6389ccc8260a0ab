//! The built-in functions, with what they take and give.

use super::value::Type;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Bool,
    Concat,
    ConcatWs,
    Int,
    IsBool,
    IsInt,
    Left,
    Length,
    Lower,
    Right,
    String,
    Substring,
    Trim,
    Upper,
}

/// A function with its name, its type, and how few and how many arguments it takes.
struct Signature(&'static str, Function, Type, usize, usize);

/// All functions. IS_BOOL and IS_INT were in drafts of the language, and are kept because casts can fail (D-605).
const SIGNATURES: [Signature; 15] = [
    Signature("ABS", Function::Abs, Type::Integer, 1, 1),
    Signature("BOOL", Function::Bool, Type::Boolean, 1, 1),
    Signature("CONCAT", Function::Concat, Type::Text, 0, usize::MAX),
    Signature("CONCAT_WS", Function::ConcatWs, Type::Text, 1, usize::MAX),
    Signature("INT", Function::Int, Type::Integer, 1, 1),
    Signature("IS_BOOL", Function::IsBool, Type::Boolean, 1, 1),
    Signature("IS_INT", Function::IsInt, Type::Boolean, 1, 1),
    Signature("LEFT", Function::Left, Type::Text, 2, 2),
    Signature("LENGTH", Function::Length, Type::Integer, 1, 1),
    Signature("LOWER", Function::Lower, Type::Text, 1, 1),
    Signature("RIGHT", Function::Right, Type::Text, 2, 2),
    Signature("STRING", Function::String, Type::Text, 1, 1),
    Signature("SUBSTRING", Function::Substring, Type::Text, 2, 3),
    Signature("TRIM", Function::Trim, Type::Text, 1, 1),
    Signature("UPPER", Function::Upper, Type::Text, 1, 1),
];

impl Function {
    /// Returns the function of a name, in upper or lower case, that takes so many arguments.
    pub(super) fn find(name: &str, arguments: usize) -> Option<Function> {
        let Signature(_, function, _, least, most) =
            SIGNATURES.iter().find(|signature| name.eq_ignore_ascii_case(signature.0))?;
        (*least..=*most).contains(&arguments).then_some(*function)
    }

    pub(super) fn result_type(self) -> Type {
        SIGNATURES.iter().find(|signature| signature.1 == self).map_or(Type::Boolean, |signature| signature.2)
    }
}

/// Returns the functions with the number of their arguments.
pub(super) fn signatures() -> String {
    let count = |least: usize, most: usize| match most {
        usize::MAX => format!("{least}.."),
        _ if least == most => least.to_string(),
        _ => format!("{least}..{most}"),
    };
    let names: Vec<String> = SIGNATURES
        .iter()
        .map(|Signature(name, _, _, least, most)| format!("{name}/{}", count(*least, *most)))
        .collect();
    names.join(", ")
}

#[cfg(test)]
pub(super) fn name(function: Function) -> &'static str {
    SIGNATURES.iter().find(|signature| signature.1 == function).map_or("", |signature| signature.0)
}
