//! Which contexts of a model are so much alike that they have one row of frequencies.

/// Contexts with fewer symbols than that go with their neighbours.
const SYMBOLS_MIN: f64 = 4.0;
/// How often contexts are given out anew at the end, and whenever so many rows more were made.
const ROUNDS: usize = 12;
const ROWS_BETWEEN: usize = 8;

/// Gives each context, by its counts, one of at most `rows` rows, so that the symbols take few bits. What is in a row
/// together is the result of rounds that each make it better, from rows that begin where one is missed most.
pub(crate) fn assign(counts: &[Vec<f64>], rows: usize, smooth: impl Fn(&[f64]) -> Vec<f64>) -> Vec<usize> {
    let known: Vec<usize> =
        (0..counts.len()).filter(|context| counts[*context].iter().sum::<f64>() >= SYMBOLS_MIN).collect();
    if known.is_empty() {
        return vec![0; counts.len()];
    }
    let symbols = counts[0].len();
    let bits = |counts: &[f64]| -> Vec<f64> { smooth(counts).iter().map(|part| -part.log2()).collect() };
    let cost = |counts: &[f64], bits: &[f64]| counts.iter().zip(bits).map(|(count, bits)| count * bits).sum::<f64>();
    let least: Vec<f64> = known.iter().map(|context| cost(&counts[*context], &bits(&counts[*context]))).collect();

    let all: Vec<f64> = (0..symbols).map(|symbol| known.iter().map(|context| counts[*context][symbol]).sum()).collect();
    let mut made = vec![bits(&all)];
    let mut of: Vec<(usize, f64)> = known.iter().map(|context| (0, cost(&counts[*context], &made[0]))).collect();
    let again = |made: &mut Vec<Vec<f64>>, of: &mut Vec<(usize, f64)>| {
        let mut sums = vec![vec![0.0; symbols]; made.len()];
        for (context, (row, _)) in known.iter().zip(of.iter()) {
            sums[*row].iter_mut().zip(&counts[*context]).for_each(|(sum, count)| *sum += count);
        }
        *made = sums.iter().map(|sum| bits(sum)).collect();
        for (context, of) in known.iter().zip(of.iter_mut()) {
            let costs = made.iter().map(|bits| cost(&counts[*context], bits)).enumerate();
            *of = costs.min_by(|one, other| one.1.total_cmp(&other.1)).expect("there is a row");
        }
    };
    while made.len() < rows.min(known.len()) {
        let excess = |index: &usize| of[*index].1 - least[*index];
        let missed =
            (0..known.len()).max_by(|one, other| excess(one).total_cmp(&excess(other))).expect("there are contexts");
        let row = bits(&counts[known[missed]]);
        for (context, of) in known.iter().zip(&mut of) {
            let cost = cost(&counts[*context], &row);
            if cost < of.1 {
                *of = (made.len(), cost);
            }
        }
        made.push(row);
        if made.len() % ROWS_BETWEEN == 0 {
            again(&mut made, &mut of);
        }
    }
    (0..ROUNDS).for_each(|_| again(&mut made, &mut of));

    // What has no symbols is like the nearest that has some: the last digits of a context matter least.
    let nearest = |context: usize| {
        let at = known.partition_point(|known| *known < context);
        let after = at.min(known.len() - 1);
        let before = after.saturating_sub(usize::from(at > 0 && known[after] != context));
        if known[before].abs_diff(context) <= known[after].abs_diff(context) { before } else { after }
    };
    (0..counts.len()).map(|context| of[nearest(context)].0).collect()
}
