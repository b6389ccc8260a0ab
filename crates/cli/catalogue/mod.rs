//! `list` and `explain`: what there is.

mod entries;
mod explain;
mod list;
mod services;
mod terms;

pub(crate) use self::explain::explain;
pub(crate) use self::list::list;
