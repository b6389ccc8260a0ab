//! When an event is applied.
//!
//! An order policy is a file with its declaration and a function `policy` that makes it, and a line in the list below.
//!
//! Decision D-029.

mod arrival;
mod in_arrival_order;
pub(crate) mod policy;
mod watermark;

use std::fmt;

pub use self::arrival::Arrival;
pub use self::in_arrival_order::InArrivalOrder;
use self::policy::OrderDeclaration;
pub use self::policy::OrderPolicy;
pub use self::watermark::Watermark;
use crate::axis::by_name;
use crate::message::Timed;
use crate::speculative;

/// Lists the order policies: a variant, and the file that declares and makes it.
macro_rules! order_policies {
    ($($Variant:ident = $file:ident,)+) => {
        /// The order policies there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum OrderName {
            $(#[doc = concat!("See `", stringify!($file), "`.")] $Variant,)+
        }

        impl OrderName {
            /// All order policies, as `flowbench list` shows them.
            pub const ALL: [OrderName; [$(OrderName::$Variant),+].len()] = [$(OrderName::$Variant),+];

            fn declaration(self) -> &'static OrderDeclaration {
                match self { $(OrderName::$Variant => &$file::DECLARATION,)+ }
            }

            /// Makes the policy; `slack_ms` is how far the watermark is held behind.
            pub(crate) fn policy<M: Timed>(self, slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
                match self { $(OrderName::$Variant => $file::policy(slack_ms),)+ }
            }
        }
    };
}

order_policies! {
    Arrival = arrival,
    Watermark = watermark,
    Speculative = speculative,
}

by_name!("order policy", OrderName);

impl OrderName {
    /// Returns the name used in files and on the command line.
    pub fn name(self) -> &'static str {
        self.declaration().name
    }

    /// Returns a one-line summary for `flowbench list`.
    pub fn summary(self) -> &'static str {
        self.declaration().summary
    }

    /// Returns, in words, how it serves a pipeline.
    pub fn serves(self, stateless: bool) -> &'static str {
        let OrderDeclaration { serves_stateless, serves_stateful, .. } = self.declaration();
        if stateless { serves_stateless } else { serves_stateful }
    }

    /// True if late events are dropped (and counted). Then the final answers are exact for the others.
    pub fn drops_late(self) -> bool {
        self.declaration().drops_late
    }

    /// True if an event is applied only when the watermark has passed it, rather than on arrival.
    pub fn waits(self) -> bool {
        self.declaration().waits
    }

    /// True if answers may be retracted.
    pub fn retracts(self) -> bool {
        self.declaration().retracts
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
