//! Problems of files, shown in the lines in which they are.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use flowbench_events::{Problem, Problems};

/// Maximum number of problems that are shown.
const SHOWN_MAX: usize = 50;

/// Returns the problems as text, each with its place, its line and what would be right. The first begins without the word
/// `error:`, which whoever prints it puts before it.
pub(crate) fn rendered(problems: &Problems) -> String {
    let list = problems.list();
    let shown: Vec<String> = list.iter().take(SHOWN_MAX).map(snippet).collect();
    let mut text = shown.join("\n\n");
    if list.len() > 1 {
        let more = if list.len() > SHOWN_MAX { format!(", the first {SHOWN_MAX} are shown") } else { String::new() };
        text.push_str(&format!("\n\nerror: {} problems, nothing was run{more}", list.len()));
    }
    text.strip_prefix("error: ").map_or(text.clone(), str::to_owned)
}

fn snippet(problem: &Problem) -> String {
    let source = &problem.source;
    let title = Level::ERROR.primary_title(problem.what.as_str());
    let mut group = match &problem.place {
        Some(place) => {
            let annotation = AnnotationKind::Primary.span(place.clone());
            title.element(Snippet::source(source.text.as_str()).path(source.name.as_str()).annotation(annotation))
        }
        None => Group::with_title(Level::ERROR.primary_title(format!("{}: {}", source.name, problem.what))),
    };
    if !problem.help.is_empty() {
        group = group.element(Level::HELP.message(problem.help.as_str()));
    }
    Renderer::plain().render(&[group])
}
