//! The filter expressions of `search` and `filter`, as far as Okta documents them for users and groups.
//!
//! Operators and values are compared without regard to case, property names and diacritical marks with it; `filter`
//! heeds the case of values as well. `and` binds tighter than `or`; there is no `not`, no `ne`, no `*`.

/// What may be asked of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Sw,
    Co,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Is { property: String, operator: Word, value: String },
}

/// The operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(Operator);

/// Which properties there are, and which of them `co` may be asked of.
pub(super) struct Grammar {
    pub properties: &'static [&'static str],
    pub containing: &'static [&'static str],
    /// `filter` knows `eq` alone.
    pub only_eq: bool,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    AnyCase,
    Exactly,
    /// As an index would that is not to be relied on.
    Loosely,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Name(String),
    Text(String),
}

/// Parses `text`, or says what is wrong with it.
pub(super) fn parse(text: &str, grammar: &Grammar) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, grammar };
    let expression = parser.either()?;
    match parser.next() {
        None => Ok(expression),
        Some(token) => Err(format!("{token:?} comes after the end")),
    }
}

impl Expression {
    /// Whether it holds of something whose properties `values` tells.
    pub(super) fn holds(&self, compare: Compare, values: &dyn Fn(&str) -> String) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(compare, values)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(compare, values)),
            Self::Is { property, operator, value } => {
                let (mut is, mut asked) = (values(property), value.clone());
                if compare != Compare::Exactly {
                    (is, asked) = (is.to_lowercase(), asked.to_lowercase());
                }
                match operator.0 {
                    Operator::Eq if compare != Compare::Loosely => is == asked,
                    Operator::Eq => is.starts_with(&asked) || asked.starts_with(&is),
                    Operator::Sw => is.starts_with(&asked),
                    Operator::Co => is.contains(&asked),
                }
            }
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' => {}
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            '"' => {
                let mut value = String::new();
                loop {
                    match signs.next() {
                        None => return Err("a string has no end".to_owned()),
                        Some('"') => break,
                        Some('\\') => match signs.next() {
                            Some(escaped @ ('"' | '\\' | '/')) => value.push(escaped),
                            Some('n') => value.push('\n'),
                            Some('r') => value.push('\r'),
                            Some('t') => value.push('\t'),
                            Some('b') => value.push('\u{8}'),
                            Some('f') => value.push('\u{c}'),
                            Some('u') => {
                                let digits: String = signs.by_ref().take(4).collect();
                                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                                value.push(code.ok_or_else(|| format!("\\u{digits} is no character"))?);
                            }
                            other => return Err(format!("\\{other:?} escapes nothing")),
                        },
                        Some(control) if control < ' ' => return Err("a control character is not escaped".to_owned()),
                        Some(plain) => value.push(plain),
                    }
                }
                found.push(Token::Text(value));
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut name = String::from(letter);
                while let Some(more) = signs.next_if(|more| more.is_ascii_alphanumeric() || "._-".contains(*more)) {
                    name.push(more);
                }
                found.push(Token::Name(name));
            }
            other => return Err(format!("{other:?} is not understood")),
        }
    }
    Ok(found)
}

struct Parser<'g> {
    tokens: Vec<Token>,
    at: usize,
    grammar: &'g Grammar,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn either(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.both()?];
        while self.takes("or") {
            parts.push(self.both()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn both(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.takes("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self) -> Result<Expression, String> {
        match self.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                match self.next() {
                    Some(Token::Close) => Ok(inner),
                    other => Err(format!("{other:?} instead of a closing parenthesis")),
                }
            }
            Some(Token::Name(property)) => self.comparison(property),
            other => Err(format!("{other:?} instead of a property")),
        }
    }

    fn comparison(&mut self, property: String) -> Result<Expression, String> {
        if !self.grammar.properties.contains(&property.as_str()) {
            return Err(format!("there is no property {property}"));
        }
        let operator = match self.next() {
            Some(Token::Name(word)) => match word.to_ascii_lowercase().as_str() {
                "eq" => Operator::Eq,
                "sw" if !self.grammar.only_eq => Operator::Sw,
                "co" if self.grammar.containing.contains(&property.as_str()) => Operator::Co,
                _ => return Err(format!("{property} knows no operator {word}")),
            },
            other => return Err(format!("{other:?} instead of an operator")),
        };
        match self.next() {
            Some(Token::Text(value)) => Ok(Expression::Is { property, operator: Word(operator), value }),
            other => Err(format!("{other:?} instead of a value in quotes")),
        }
    }
}
