//! The README as data: its code blocks, its tables, its links.

use std::collections::BTreeSet;
use std::path::Path;

/// The README itself.
pub const README: &str = include_str!("../../README.md");

/// The contents of every block fenced as `language`, in order.
pub fn blocks(language: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in README.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(opened), None) => {
                fence = Some(opened);
                if opened == language {
                    blocks.push(String::new());
                }
            }
            (Some(_), Some(_)) => fence = None,
            (None, Some(opened)) if opened == language => {
                let block = blocks.last_mut().expect("a block was opened");
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(fence.is_none(), "the README ends inside a block");
    blocks
}

/// Every shell command, in order; one a line.
pub fn commands() -> Vec<String> {
    blocks("sh").iter().flat_map(|block| block.lines()).map(str::to_owned).collect()
}

/// The rows of the first table after `heading`, without its head, each as its cells.
pub fn table(heading: &str) -> Vec<Vec<String>> {
    let after = README.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}")).1;
    let rows = after.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The text inside backticks that a cell begins with.
pub fn code(cell: &str) -> &str {
    let inner = cell.strip_prefix('`').and_then(|rest| rest.split_once('`'));
    inner.unwrap_or_else(|| panic!("{cell:?} does not begin with code")).0
}

/// What GitHub makes of a heading for links.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let headings = README.lines().filter(|line| line.starts_with('#'));
    let anchors: BTreeSet<String> = headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect();
    let links: Vec<&str> =
        README.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(to, _)| to).collect();
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        match link.strip_prefix('#') {
            Some(to) => assert!(anchors.contains(to), "no heading for {link}; there are {anchors:?}"),
            None => assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists(), "{link} does not exist"),
        }
    }
}
