//! What a wall says of its session beside the tiles.

use std::sync::Arc;

/// What a wall says of its session beside the tiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WallRemarks {
    /// True as long as answers to what was recorded before are not all in their queues.
    pub is_catching_up: bool,
    /// What is good to know, such as how many events were late.
    pub notes: Vec<String>,
    /// What somebody has to do something about.
    pub problems: Vec<String>,
}

/// Says how a session is now. It is asked a few times a second and must not wait.
pub type RemarkSource = Arc<dyn Fn() -> WallRemarks + Send + Sync>;
