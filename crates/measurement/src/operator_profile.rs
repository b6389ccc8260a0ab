//! The operator profile of a case: time by operator and load by channel, as rows of `operators.csv` and `channels.csv`.

use crate::record::{ChannelLoad, OperatorTime};
use crate::table::{TableError, csv_text};

/// The first line of `operators.csv`.
pub const OPERATORS_HEADER: &str = "case,repeat,worker,operator,activations,busy_ns\n";
/// The first line of `channels.csv`.
pub const CHANNELS_HEADER: &str = "case,repeat,worker,channel,messages,records\n";

/// A row about one worker of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow<T> {
    /// Number of the case.
    pub case: usize,
    /// Number of the repeat.
    pub repeat: usize,
    /// The observation.
    pub seen: T,
}

/// Returns rows of `operators.csv` without the header. A line break in a name becomes a space.
pub fn operator_rows(case: usize, repeat: usize, operators: &[OperatorTime]) -> String {
    let rows = operators.iter().map(|of| (of.worker, &of.operator, [of.activations, of.busy_ns]));
    csv_rows(case, repeat, rows)
}

/// Returns rows of `channels.csv` without the header. A line break in a name becomes a space.
pub fn channel_rows(case: usize, repeat: usize, channels: &[ChannelLoad]) -> String {
    let rows = channels.iter().map(|of| (of.worker, &of.channel, [of.messages, of.records]));
    csv_rows(case, repeat, rows)
}

/// Reads `operators.csv`, header included.
///
/// # Errors
///
/// [`TableError`] for the first line that does not fit.
pub fn read_operators(text: &str) -> Result<Vec<WorkerRow<OperatorTime>>, TableError> {
    read(text, OPERATORS_HEADER, |worker, operator, [activations, busy_ns]| OperatorTime {
        worker,
        operator,
        activations,
        busy_ns,
    })
}

/// Reads `channels.csv`, header included.
///
/// # Errors
///
/// [`TableError`] for the first line that does not fit.
pub fn read_channels(text: &str) -> Result<Vec<WorkerRow<ChannelLoad>>, TableError> {
    read(text, CHANNELS_HEADER, |worker, channel, [messages, records]| ChannelLoad {
        worker,
        channel,
        messages,
        records,
    })
}

fn csv_rows<'a>(case: usize, repeat: usize, rows: impl Iterator<Item = (usize, &'a String, [u64; 2])>) -> String {
    csv_text(rows.map(|(worker, name, [first, second])| {
        let numbers = [case, repeat, worker].map(|number| number.to_string());
        let name = name.replace(['\n', '\r'], " ");
        numbers.into_iter().chain([name, first.to_string(), second.to_string()])
    }))
}

/// Reads one row per line; `seen` builds the observation from the worker, the name and the two counts.
fn read<T>(
    text: &str,
    header: &str,
    seen: impl Fn(usize, String, [u64; 2]) -> T,
) -> Result<Vec<WorkerRow<T>>, TableError> {
    let header = header.trim_end();
    let mut lines = (1..).zip(text.lines());
    let found = lines.next().map_or("", |(_, line)| line);
    if found != header {
        let what = format!("the header is `{found}` instead of `{header}`");
        return Err(TableError { line: 1, what });
    }
    let parsed = lines.map(|(line, row)| {
        let parse = || {
            let fields = fields(row)?;
            let [case, repeat, worker, name, first, second] = &fields[..] else {
                return Err(format!("{} fields instead of 6", fields.len()));
            };
            let seen = seen(number(worker)?, name.clone(), [number(first)?, number(second)?]);
            Ok(WorkerRow { case: number(case)?, repeat: number(repeat)?, seen })
        };
        parse().map_err(|what| TableError { line, what })
    });
    parsed.collect()
}

/// Returns the fields of a line without their quotes.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut letters) = (false, line.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(fields) }
}

fn number<N: std::str::FromStr>(field: &str) -> Result<N, String> {
    field.parse().map_err(|_| format!("`{field}` is no whole number, or does not fit"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_name_the_line_and_what_is_wrong() {
        let read = |row: &str| {
            let text = format!("{OPERATORS_HEADER}1,1,0,Input,2,3\n{row}\n");
            read_operators(&text).unwrap_err().to_string()
        };
        assert_eq!(read("1,1,0,Input,2"), "line 3: 5 fields instead of 6");
        assert_eq!(read("1,1,0,Input,2,-3"), "line 3: `-3` is no whole number, or does not fit");
        assert_eq!(read("1,1,0,\"Input,2,3"), "line 3: a quote is not closed");
        let TableError { line, what } = read_channels(OPERATORS_HEADER).unwrap_err();
        assert!(line == 1 && what.contains("instead of `case,repeat,worker,channel,messages,records`"), "{what}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in prop::collection::vec("[a-z→ ,\"\n]{0,9}", 0..6),
                                   counts in any::<[u64; 2]>()) {
            let operators: Vec<OperatorTime> = (0..).zip(&names).map(|(worker, name)| OperatorTime {
                worker,
                operator: name.clone(),
                activations: counts[0],
                busy_ns: counts[1],
            }).collect();
            let text = OPERATORS_HEADER.to_owned() + &operator_rows(7, 2, &operators);
            let expected: Vec<WorkerRow<OperatorTime>> = operators.into_iter().map(|seen| WorkerRow {
                case: 7,
                repeat: 2,
                seen: OperatorTime { operator: seen.operator.replace('\n', " "), ..seen },
            }).collect();
            prop_assert_eq!(read_operators(&text), Ok(expected));
        }
    }
}
