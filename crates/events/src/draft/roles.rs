//! The columns of the customer, the order, the value and so on, by their names and cells.

use crate::draft::column_names::{PRICES, QUANTITIES, names};
use crate::draft::numbers;
use crate::draft::table::{Column, Table};
use crate::draft::words::words;
use crate::event::Channel;
use crate::fields::Field;

/// The columns of the fields.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) fields: Vec<(Field, usize)>,
    /// The factor of the value.
    pub(super) quantity: Option<usize>,
    /// Whether the columns were found by their positions, since there are no names.
    pub(super) are_by_place: bool,
}

impl Roles {
    /// Returns the columns of all fields except times and the kind.
    pub(super) fn new(table: &Table, times: &[usize], kind: Option<usize>) -> Roles {
        let mut free: Vec<usize> = (0..table.columns.len()).filter(|column| !times.contains(column)).collect();
        free.retain(|column| Some(*column) != kind);
        if table.layout.has_no_header {
            return Roles::by_place(table, &free);
        }
        let mut roles = Roles::default();
        for field in Field::ALL {
            let found = named(table, &free, names(field), |column| may_be(field, column));
            let found = found.or_else(|| match field {
                Field::Order => order_of_lines(table),
                Field::Value => named(table, &free, &PRICES, Column::is_numeric),
                _ => None,
            });
            if let Some(column) = found.filter(|column| free.contains(column)) {
                free.retain(|other| *other != column);
                roles.fields.push((field, column));
            }
        }
        let price = roles.column(Field::Value).filter(|value| is_called(&table.columns[*value].name, &PRICES));
        roles.quantity = price.and_then(|_| named(table, &free, &QUANTITIES, Column::is_numeric));
        roles
    }

    /// Returns the columns by their positions. The first id is the customer, the second the product, and an amount the
    /// value.
    fn by_place(table: &Table, free: &[usize]) -> Roles {
        let is_amount = |column: &Column| column.is_numeric() && column.present().any(|cell| cell.contains(['.', ',']));
        let is_id = |column: &Column| {
            let mut cells = column.present().peekable();
            cells.peek().is_some() && cells.all(|cell| cell.len() <= 40 && !cell.contains(' '))
        };
        let value = free.iter().copied().find(|column| is_amount(&table.columns[*column]));
        let mut ids = free.iter().copied().filter(|column| Some(*column) != value && is_id(&table.columns[*column]));
        let fields = [(Field::Customer, ids.next()), (Field::Product, ids.next()), (Field::Value, value)];
        let fields = fields.into_iter().filter_map(|(field, column)| Some((field, column?))).collect();
        Roles { fields, quantity: None, are_by_place: true }
    }

    /// Returns the column of a field.
    pub(super) fn column(&self, field: Field) -> Option<usize> {
        self.fields.iter().find(|(known, _)| *known == field).map(|(_, column)| *column)
    }

    /// Returns true if a field is read from this column.
    pub(super) fn uses(&self, column: usize) -> bool {
        self.quantity == Some(column) || self.fields.iter().any(|(_, used)| *used == column)
    }

    /// Returns true if an order has several consecutive rows, which are its lines.
    pub(super) fn repeats_order(&self, table: &Table) -> bool {
        let Some(order) = self.column(Field::Order) else { return false };
        let cells = &table.columns[order].cells;
        cells.windows(2).any(|pair| !pair[0].is_empty() && pair[0] == pair[1])
    }
}

/// Returns the column whose name comes first in a list and whose cells fit. Columns that are mostly empty come last.
fn named(table: &Table, free: &[usize], names: &[&str], fits: impl Fn(&Column) -> bool) -> Option<usize> {
    let place = |column: usize| {
        let column = &table.columns[column];
        let rank = rank(&column.name, names)?;
        let is_mostly_empty = column.present().count() * 10 < column.cells.len();
        fits(column).then_some((is_mostly_empty, rank))
    };
    free.iter().copied().filter_map(|column| Some((place(column)?, column))).min().map(|(_, column)| column)
}

/// Returns the position of a name in a list, as a whole or else by the last part of its path.
fn rank(name: &str, names: &[&str]) -> Option<usize> {
    let at = |name: &str| {
        let name = words(name).join("_");
        names.iter().position(|known| *known == name)
    };
    let last = || name.rsplit_once('.').and_then(|(_, last)| at(last)).map(|rank| rank + names.len());
    at(name).or_else(last)
}

/// Returns true if a name is in a list.
pub(super) fn is_called(name: &str, names: &[&str]) -> bool {
    rank(name, names).is_some()
}

/// Returns the column `name` if other columns are those of line items, since shops export orders so.
fn order_of_lines(table: &Table) -> Option<usize> {
    let has_lines =
        table.columns.iter().any(|column| words(&column.name).first().is_some_and(|word| word == "lineitem"));
    let is_name = |column: &Column| column.name.eq_ignore_ascii_case("name");
    has_lines.then(|| table.columns.iter().position(is_name))?
}

fn may_be(field: Field, column: &Column) -> bool {
    match field {
        Field::Value => column.is_numeric() || numbers::are_amounts(column),
        Field::LoadTimeMs | Field::Rating | Field::Channel if is_of_our_own(field, column) => true,
        Field::LoadTimeMs | Field::Rating => column.nearly_all(|cell| numbers::fits(field, cell)),
        Field::Channel => {
            column.present().next().is_some() && column.present().all(|cell| Channel::from_name(cell).is_some())
        }
        Field::EventId => {
            // An id with such a name may repeat, since an event may be delivered more than once.
            let is_of_event =
                words(&column.name).iter().any(|word| word.starts_with("event") || word.starts_with("message"));
            let rows = column.present().count();
            rows > 0 && (is_of_event || column.repeating() * 2 <= rows)
        }
        _ => true,
    }
}

/// Returns the field that a column may be meant for by its name.
pub(super) fn field_called(name: &str) -> Option<Field> {
    let is_price = |field| field == Field::Value && is_called(name, &PRICES);
    Field::ALL.into_iter().find(|field| is_called(name, names(*field)) || is_price(*field))
}

/// Returns true for an empty column with exactly the name of the field, as in a log in the interchange format.
fn is_of_our_own(field: Field, column: &Column) -> bool {
    column.name == field.name() && column.present().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_last_part() {
        let names = names(Field::Product);
        assert_eq!(rank("items.0.item_id", names), Some(names.len() + 3));
        assert!(rank("product_id", names) < rank("items.0.product_id", names));
        assert_eq!(rank("ecommerce.transaction_id", names), None);
    }
}
