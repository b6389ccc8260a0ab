//! What a run says of the claims of its experiment.

use flowbench_measurement::claims::{Checked, Claim, Standing, check_claims};

use crate::Results;
use crate::text::counted;

/// The claims of a run: those that its cases speak of, and a sentence about each reason why others are not checked.
pub(crate) struct ClaimsOfRun {
    pub(crate) checked: Vec<Checked>,
    pub(crate) not_checked: Vec<String>,
}

impl ClaimsOfRun {
    pub(crate) fn of(results: &Results) -> ClaimsOfRun {
        let all = check_claims(&results.run.claims, &results.cases);
        // A claim that cannot be read says why, and stays.
        let (without_case, checked): (Vec<Checked>, Vec<Checked>) =
            all.into_iter().partition(|one| one.standing == Standing::Unknown && one.found.is_empty());
        let (of_other_parts, without_case): (Vec<Checked>, Vec<Checked>) =
            without_case.into_iter().partition(|one| is_of_another_part(&one.claim, results));
        let reasons = [
            (of_other_parts.len(), "about parts that this run leaves out"),
            (without_case.len(), "no case with numbers to check against"),
        ];
        let sentence = |(count, reason): (usize, &str)| format!("{} not checked: {reason}.", counted(count, "claim"));
        let not_checked = reasons.into_iter().filter(|(count, _)| *count > 0).map(sentence).collect();
        ClaimsOfRun { checked, not_checked }
    }
}

/// Returns true if a claim is about a part that the run does not have.
fn is_of_another_part(claim: &str, results: &Results) -> bool {
    let has = |name: &str| results.run.parts.iter().any(|part| part.name == name);
    Claim::parse(claim).is_ok_and(|claim| claim.parts().any(|part| !has(part)))
}
