//! Updates of collections that change with event time.

use differential_dataflow::ExchangeData;
use differential_dataflow::collection::VecCollection;
use differential_dataflow::difference::Abelian;

/// A collection that changes with event time (ms); `R` is the type of multiplicities.
pub type Collected<'s, D, R = isize> = VecCollection<'s, i64, D, R>;

/// How often a datum is there.
pub(crate) trait Times: Abelian + ExchangeData {}

impl<R: Abelian + ExchangeData> Times for R {}

/// Is given a key, its values and how often each is there, and pushes what is to be there for it.
pub(crate) type Reduction<V, R, O> = Box<dyn FnMut(&i64, &[(&V, R)], &mut Vec<(O, isize)>)>;
