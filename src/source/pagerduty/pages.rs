//! Lists that come in pages by offset.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;

/// Rows a page, the most that the classic endpoints allow.
pub const LIMIT: u64 = 100;

/// `offset` + `limit` beyond this is refused ("Pagination", PagerDuty developer docs).
const CEILING: u64 = 10_000;

/// One page.
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Whether another follows; where the answer does not say, a full page is taken to have a next.
    pub more: Option<bool>,
    /// All rows of the list; only when asked for.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    fn more(&self) -> bool {
        self.more.unwrap_or(self.rows.len() as u64 >= LIMIT)
    }
}

/// Which page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub offset: u64,
    /// Whether to ask for the number of all rows.
    pub total: bool,
}

/// A list, as far as pages reach.
#[derive(Debug, PartialEq, Eq)]
pub enum List<T> {
    Whole(Vec<T>),
    /// It is longer than offsets can reach: ask for less at a time.
    TooLong,
}

/// Reads a list to its end.
///
/// The first page tells how many rows there are, and the pages for those are asked for all at once; whether there are
/// more is then decided by `more` and the rows received alone. Errors when the list never ends.
pub async fn read<T, F>(what: impl fmt::Display, page: impl Fn(Place) -> F) -> Result<List<T>>
where
    T: PartialEq,
    F: Future<Output = Result<Page<T>>>,
{
    let list = once(&what, &page).await?;
    let Some((rows, total)) = list else { return Ok(List::TooLong) };
    if total.is_none_or(|total| rows.len() as u64 >= total) {
        return Ok(List::Whole(rows));
    }
    // The list changed between two pages, and a row may have slipped through. Once more; a second time, it is half an
    // answer, on which nobody's access may be taken back.
    let Some((rows, total)) = once(&what, &page).await? else { return Ok(List::TooLong) };
    if let Some(total) = total.filter(|total| (rows.len() as u64) < *total) {
        bail!("PagerDuty counts {total} {what} and twice gave only {}; half an answer is not used", rows.len());
    }
    Ok(List::Whole(rows))
}

/// The rows and the promised number of them; `None` when too long.
async fn once<T, F>(what: &impl fmt::Display, page: &impl Fn(Place) -> F) -> Result<Option<(Vec<T>, Option<u64>)>>
where
    T: PartialEq,
    F: Future<Output = Result<Page<T>>>,
{
    let mut current = page(Place { offset: 0, total: true }).await?;
    let total = current.total;
    if current.more() && total.is_some_and(|total| total > CEILING) {
        return Ok(None);
    }
    let mut ahead = ahead(&current, page).await?;
    let mut list: Vec<T> = Vec::new();
    let mut last = 0;
    loop {
        let (rows, more) = (current.rows.len(), current.more());
        ensure!(rows > 0 || !more, "PagerDuty says that more {what} follow offset {}, and gives none", list.len());
        // Entries have identities: a page cannot hold the same as the one before it.
        ensure!(
            rows == 0 || list[last..] != current.rows[..],
            "PagerDuty gives the same page of {what} at offset {} as before it, so the list would never end",
            list.len()
        );
        last = list.len();
        list.append(&mut current.rows);
        let offset = list.len() as u64;
        current = match ahead.remove(&offset) {
            Some(page) if more || !page.rows.is_empty() => page,
            _ if !more => break,
            _ if offset + LIMIT > CEILING => return Ok(None),
            _ => page(Place { offset, total: false }).await?,
        };
    }
    // Asked for beforehand at other offsets than the walk came by: nothing new, or rows that moved meanwhile.
    list.extend(ahead.into_values().flat_map(|page| page.rows));
    Ok(Some((list, total)))
}

/// The pages that should follow the first one, by offset.
async fn ahead<T, F>(first: &Page<T>, page: &impl Fn(Place) -> F) -> Result<BTreeMap<u64, Page<T>>>
where
    F: Future<Output = Result<Page<T>>>,
{
    let step = first.rows.len();
    if step == 0 || !first.more() {
        return Ok(BTreeMap::new());
    }
    let offsets = (step as u64..first.total.unwrap_or(0)).step_by(step).filter(|offset| offset + LIMIT <= CEILING);
    // As many as full pages can be. Where a server gives a row a page, the rest is asked for one after the other.
    let offsets = offsets.take((CEILING / LIMIT) as usize);
    let pages =
        offsets.map(async |offset| Ok::<_, anyhow::Error>((offset, page(Place { offset, total: false }).await?)));
    Ok(try_join_all(pages).await?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Reads `rows` numbers from a list that serves `step` a page and tells `total`; also the offsets asked for.
    async fn numbers(rows: u64, step: u64, total: Option<u64>) -> (Result<List<u64>>, Vec<u64>) {
        let asked = RefCell::new(Vec::new());
        let list = read("numbers", async |place: Place| {
            asked.borrow_mut().push(place.offset);
            let end = rows.min(place.offset + step);
            let total = total.filter(|_| place.total);
            Ok(Page { rows: (place.offset..end).collect(), more: Some(end < rows), total })
        });
        let list = list.await;
        (list, asked.into_inner())
    }

    #[tokio::test]
    async fn nothing_is_lost_whatever_the_total_says() {
        for (rows, step, total) in
            [(0, 100, Some(0)), (250, 100, Some(250)), (250, 100, None), (250, 30, Some(250)), (250, 100, Some(120))]
        {
            let list = numbers(rows, step, total).await.0.expect("a list");
            assert_eq!(list, List::Whole((0..rows).collect()), "{rows} rows by {step}, total {total:?}");
        }
    }

    #[tokio::test]
    async fn each_page_is_asked_for_once() {
        assert_eq!(numbers(250, 100, Some(250)).await.1, [0, 100, 200]);
        assert_eq!(numbers(100, 100, Some(100)).await.1, [0]);
        assert_eq!(numbers(201, 100, None).await.1, [0, 100, 200]);
    }

    #[tokio::test]
    async fn pages_of_one_row_are_no_flood() {
        let asked = RefCell::new(0);
        let list = read("numbers", async |place: Place| {
            *asked.borrow_mut() += 1;
            Ok(Page { rows: vec![0], more: Some(true), total: place.total.then_some(10_000) })
        });
        assert!(list.await.is_err(), "the same page for ever");
        assert!(*asked.borrow() <= 101, "{} requests", asked.borrow());
    }

    #[tokio::test]
    async fn a_list_beyond_the_ceiling_is_too_long() {
        let (list, asked) = numbers(10_001, 100, Some(10_001)).await;
        assert_eq!((list.expect("no error"), asked), (List::TooLong, vec![0]));
        assert_eq!(numbers(10_001, 100, None).await.0.expect("no error"), List::TooLong);
        assert!(
            matches!(numbers(10_000, 100, Some(10_000)).await.0.expect("no error"), List::Whole(rows) if rows.len() == 10_000)
        );
    }

    #[tokio::test]
    async fn a_row_that_slipped_through_is_asked_for_again() {
        let asked = RefCell::new(0);
        let list = read("numbers", async |place: Place| {
            *asked.borrow_mut() += 1;
            let rows = if *asked.borrow() == 1 { vec![1] } else { vec![1, 2] };
            Ok(Page { rows, more: Some(false), total: place.total.then_some(2) })
        });
        assert_eq!(list.await.expect("a list"), List::Whole(vec![1, 2]));
    }

    #[tokio::test]
    async fn half_a_list_is_an_error() {
        let list = read("numbers", async |_| Ok(Page { rows: vec![1], more: Some(false), total: Some(2) }));
        let error = list.await.expect_err("half a list");
        assert!(error.to_string().contains("counts 2 numbers and twice gave only 1"), "{error}");
    }

    #[tokio::test]
    async fn a_list_that_never_ends_is_an_error() {
        for rows in [vec![1; 100], vec![]] {
            let list = read("numbers", async |_| Ok(Page { rows: rows.clone(), more: Some(true), total: None }));
            let error = list.await.expect_err("an endless list");
            assert!(error.to_string().contains("numbers"), "{error}");
        }
    }
}
