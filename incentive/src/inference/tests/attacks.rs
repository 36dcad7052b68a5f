//! Streams that imitate an honest one: what was computed is the same or less, only when it is shown differs.

use super::*;

/// An honest stream: prompt computed in 200 ms, then a token every 30 ms (or slower).
fn honest(step_us: u64) -> Vec<u64> {
    (0..u64::from(TOKENS)).map(|index| 200_000 + index * step_us).collect()
}

fn earned(arrivals: &[u64], until: u64) -> u64 {
    credit(&model(), 0, arrivals, TOKENS, until)
}

#[test]
fn pausing_and_bursting_gains_nothing() {
    for step in [10_000, 30_000, 39_000, 50_000, 90_000] {
        let stream = honest(step);
        for pause in [10_000, 300_000, 1_000_000, 3_000_000] {
            // Nothing until the pause is over, then all that was computed so far at once.
            let burst: Vec<u64> = stream.iter().map(|&time| time.max(pause)).collect();
            for until in [500_000, 1_500_000, FOREVER] {
                assert!(earned(&burst, until) <= earned(&stream, until), "{step} {pause} {until}");
            }
        }
        let all_at_the_end = vec![*stream.last().unwrap(); stream.len()];
        assert!(earned(&all_at_the_end, FOREVER) < earned(&stream, FOREVER), "{step}");
    }
}

#[test]
fn a_fake_first_token_earns_nothing() {
    // A slow engine shows some token at once and the right ones when they are there. Only tokens that were found right
    // are counted, and the first is wrong: by then the whole chain is, so nothing is left.
    let slow: Vec<u64> = honest(30_000).iter().map(|time| time + 1_000_000).collect();
    let fake = |verified: usize| {
        let mut shown = slow.clone();
        shown[0] = 1;
        shown.truncate(verified);
        shown
    };
    assert_eq!(earned(&fake(0), FOREVER), 0);
    assert!(earned(&slow, FOREVER) > 0);
    // Were it right, showing it early would be service, and it helps itself alone.
    let gain = earned(&fake(slow.len()), FOREVER) - earned(&slow, FOREVER);
    assert!(gain <= u64::from(ONE));
}

#[test]
fn a_filler_stream_earns_its_right_tokens() {
    // From the token at which a filler begins nothing is found right, however early it came.
    let stream = honest(30_000);
    for right in 0..stream.len() {
        let filler = earned(&stream[..right], FOREVER);
        assert_eq!(filler, right as u64 * u64::from(ONE));
        assert!(filler < earned(&stream, FOREVER));
    }
}

#[test]
fn dropping_the_slow_probes_gains_nothing() {
    // A miner that answers half of its probes well and the others late, and drops those instead.
    let late: Vec<u64> = honest(30_000).iter().map(|time| time + 400_000).collect();
    let share = |arrivals: &[u64]| credit_share(earned(arrivals, FOREVER), TOKENS);
    let (good, bad) = (share(&honest(30_000)), share(&late));
    assert!(0 < bad && bad < good && good == ONE);
    for probes in 1..100 {
        let served: Vec<u32> = (0..probes).map(|probe| if probe % 2 == 0 { good } else { bad }).collect();
        let dropped: Vec<u32> = served.iter().map(|&share| if share == bad { 0 } else { share }).collect();
        assert!(gate(&dropped) <= gate(&served));
        assert!(probes < 5 || gate(&dropped) == 0, "half of them missing is no service: {probes}");
    }
}

#[test]
fn tokens_of_the_ramp_cannot_be_saved_up() {
    // Only answers begun in the hold are paid, so all of them were computed in it: whoever holds them back to the end
    // has at most what it would have had, and nothing of what came too late.
    let hold = 1_000_000;
    let stream = honest(10_000);
    let saved: Vec<u64> = stream.iter().map(|_| hold - 1).collect();
    assert!(earned(&saved, hold) <= earned(&stream, hold));
    assert_eq!(earned(&saved, hold - 1), 0);
}
