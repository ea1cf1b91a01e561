//! Where containers may run, in the engine's terms.

use crate::manifest::tree::{Node, Value};
use crate::model::{Constraint, Operator};

use super::context::{Cx, scalar};

const CONSTRAINT: &str = "a constraint, [field, OPERATOR] or [field, OPERATOR, value]";

/// Decodes the constraints in the engine's terms.
pub(super) fn constraints<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Vec<Constraint> {
    if let Value::List(items) = &node.value
        && !items.is_empty()
        && items.iter().all(|item| scalar(item).is_some())
    {
        cx.fault(
            node.span,
            "expected a list of constraints, found a list of words",
        )
        .help("each constraint is a list of its own: [[hostname, UNIQUE]]");
        return Vec::new();
    }
    cx.list(node, "a list of constraints", constraint)
}

fn constraint<'t>(cx: &mut Cx<'t>, node: &'t Node<'t>) -> Option<Constraint> {
    let Value::List(words) = &node.value else {
        cx.expected(CONSTRAINT, node);
        return None;
    };
    let (field, operator, value) = match &words[..] {
        [field, operator] => (field, operator, None),
        [field, operator, value] => (field, operator, Some(value)),
        _ => {
            let message = format!(
                "expected {CONSTRAINT}, found a list of length {}",
                words.len()
            );
            cx.fault(node.span, message);
            return None;
        }
    };
    let field = cx.at_index(0, |cx| {
        cx.solid_text(field, "hostname, or an attribute of the host")
    });
    let operator = cx.at_index(1, |cx| read_operator(cx, operator).map(|it| (it, operator)));
    let value = value.map(|node| {
        let text = cx.at_index(2, |cx| cx.word(node, "a value"));
        (text, node)
    });
    let (operator, at) = operator?;
    let constraint = Constraint {
        field: field?.to_owned(),
        operator,
        value: value.and_then(|(text, _)| text).map(str::to_owned),
    };
    let good = match value {
        Some((Some(text), node)) => cx.at_index(2, |cx| takes(cx, operator, text, node)),
        Some((None, _)) => false,
        None => cx.at_index(1, |cx| takes_none(cx, operator, at)),
    };
    good.then_some(constraint)
}

fn read_operator(cx: &mut Cx<'_>, node: &Node<'_>) -> Option<Operator> {
    if let Some(operator) = scalar(node).and_then(|it| it.text.parse().ok()) {
        return Some(operator);
    }
    let operators = Operator::ALL.map(|operator| (operator.as_str(), operator));
    cx.one_of(node, &operators)
}

/// Checks that an operator takes this value.
fn takes(cx: &mut Cx<'_>, operator: Operator, value: &str, node: &Node<'_>) -> bool {
    let is_count = || value.parse().is_ok_and(|count: u32| count > 0);
    let wanted = match operator {
        Operator::Unique => Some("no value, for UNIQUE takes none"),
        Operator::GroupBy | Operator::MaxPer if !is_count() => {
            Some("a whole number greater than 0")
        }
        _ if value.is_empty() => Some("a value"),
        _ => None,
    };
    if let Some(wanted) = wanted {
        cx.expected(wanted, node);
    }
    wanted.is_none()
}

/// Checks that an operator does without a value.
fn takes_none(cx: &mut Cx<'_>, operator: Operator, at: &Node<'_>) -> bool {
    let example = match operator {
        Operator::Unique | Operator::Cluster | Operator::GroupBy => return true,
        Operator::Like | Operator::Unlike => "'rack-[1-3]'",
        Operator::MaxPer => "2",
        Operator::Is => "rack-1",
    };
    cx.fault(at.span, format!("{operator} needs a value"))
        .help(format!("as in [field, {operator}, {example}]"));
    false
}
