//! The README lists every parameter as the code has it.

use flowbench_generators::Profile;

#[test]
fn the_table_of_parameters_is_that_of_the_code() {
    let readme = include_str!("../README.md");
    let rows: Vec<String> = Profile::named("retail")
        .unwrap()
        .parameters()
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} |", row.key, row.value, row.range, row.meaning))
        .collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !readme.contains(*row)).collect();
    assert!(missing.is_empty(), "missing: {missing:#?}\nthe whole table:\n{}", rows.join("\n"));
    let listed = readme
        .lines()
        .filter(|line| line.starts_with("| `") && line.split('`').nth(1).is_some_and(|key| key.contains('.')))
        .count();
    assert_eq!(listed, rows.len(), "the README lists parameters that do not exist");
}
