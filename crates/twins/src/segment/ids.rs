//! Invented ids and secrets in the vendor's formats, from seeded streams.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// What a stream of chance is for; each purpose has its own, so that one does not disturb another.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Workspace,
    Jobs,
    Arrivals,
    Order,
    /// Secrets that open nothing.
    Decoys,
    /// One stream per seeded person.
    Person(usize),
}

/// The stream of a purpose under a seed.
pub(super) fn stream(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let number = match purpose {
        Purpose::Workspace => 0,
        Purpose::Jobs => 1,
        Purpose::Arrivals => 2,
        Purpose::Order => 3,
        Purpose::Decoys => 4,
        Purpose::Person(n) => 16 + n as u64,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// Letters and digits, as in most of the vendor's ids and secrets.
pub(super) fn base62(rng: &mut impl Rng, length: usize) -> String {
    (0..length).map(|_| char::from(BASE62[rng.random_range(0..62)])).collect()
}

/// The look of a random UUID, as in anonymous ids.
pub(super) fn uuid(rng: &mut impl Rng) -> String {
    let mut text = String::with_capacity(36);
    for (group, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 {
            text.push('-');
        }
        for at in 0..length {
            text.push(match (group, at) {
                (2, 0) => '4',
                (3, 0) => 'a',
                _ => char::from(HEX[rng.random_range(0..16)]),
            });
        }
    }
    text
}
