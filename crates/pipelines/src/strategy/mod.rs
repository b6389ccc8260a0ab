//! How work is spread.
//!
//! A strategy is a file with its declaration, and a line in the list below.
//!
//! Decisions D-005 and D-010.

mod broadcast;
mod co_partitioned;
mod dataflow;
pub(crate) mod declaration;
pub(crate) mod differential;
mod exchange;
pub(crate) mod executor;
mod hot_split;
mod pre_aggregate;
mod sequential;
mod shared;
mod single_writer;
pub(crate) mod stage;
mod staged;
mod topology;

pub(crate) use self::dataflow::context::WorkerTotals;
pub(crate) use self::dataflow::sink::ResultCollector;
use self::declaration::Strategy;
use crate::axis::by_name;

/// Lists the strategies: a constant, and the file that declares it.
macro_rules! strategies {
    ($($NAME:ident = $file:ident,)+) => {
        impl Strategy {
            $(#[doc = concat!("The strategy of `strategy/", stringify!($file), ".rs`.")]
            pub const $NAME: Strategy = Strategy(&$file::STRATEGY);)+

            /// All strategies, as `flowbench list` shows them.
            pub const ALL: [Strategy; [$(Strategy::$NAME),+].len()] = [$(Strategy::$NAME),+];
        }

        /// Each strategy gives the answers of the oracle.
        #[cfg(test)]
        mod each {
            use super::declaration::Strategy;
            use super::tests::gives_the_answers_of_the_oracle;

            $(#[test]
            fn $file() {
                gives_the_answers_of_the_oracle(Strategy::$NAME);
            })+
        }
    };
}

strategies! {
    SEQUENTIAL = sequential,
    EXCHANGE = exchange,
    CO_PARTITIONED = co_partitioned,
    PRE_AGGREGATE = pre_aggregate,
    SINGLE_WRITER = single_writer,
    BROADCAST = broadcast,
    SHARED = shared,
    STAGED = staged,
    HOT_SPLIT = hot_split,
    DIFFERENTIAL = differential,
}

by_name!("strategy", Strategy);

#[cfg(test)]
mod losses;
#[cfg(test)]
pub(crate) mod tests;
