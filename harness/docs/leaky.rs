// A publisher whose subscribers come and go, 200 a second. Each holds the hub, and the hub holds
// each: a cycle of reference counts, which nothing ever breaks.
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

struct Hub {
    subscribers: RefCell<Vec<Rc<Subscriber>>>,
}

struct Subscriber {
    _hub: Rc<Hub>,
    _buffer: Vec<u8>,
}

fn subscribe(hub: &Rc<Hub>) {
    let subscriber = Rc::new(Subscriber { _hub: hub.clone(), _buffer: vec![0; 1000] });
    hub.subscribers.borrow_mut().push(subscriber);
}

fn main() {
    let seconds: u64 = std::env::args().nth(1).map_or(30, |text| text.parse().unwrap());
    let hub = Rc::new(Hub { subscribers: RefCell::new(Vec::new()) });
    for _ in 0..seconds * 200 {
        subscribe(&hub);
        std::thread::sleep(Duration::from_millis(5));
    }
}
