// A small inventory in Rust: trait objects, closures, collections, formatting, errors, files.
// Usage: inventory [folder]
use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};

#[derive(Debug)]
enum Trouble {
    NotANumber(String),
    Io(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Trouble::NotANumber(text) => write!(f, "{text:?} is not a number"),
            Trouble::Io(error) => write!(f, "io: {:?}", error.kind()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}

trait Shape {
    fn area(&self) -> f64;
    fn name(&self) -> String;
}

struct Circle(f64);
struct Rectangle(f64, f64);

impl Shape for Circle {
    fn area(&self) -> f64 {
        std::f64::consts::PI * self.0 * self.0
    }
    fn name(&self) -> String {
        format!("circle {}", self.0)
    }
}

impl Shape for Rectangle {
    fn area(&self) -> f64 {
        self.0 * self.1
    }
    fn name(&self) -> String {
        format!("rectangle {}x{}", self.0, self.1)
    }
}

struct Announced(&'static str);

impl Drop for Announced {
    fn drop(&mut self) {
        println!("dropping {}", self.0);
    }
}

fn parse(text: &str) -> Result<i64, Trouble> {
    text.trim().parse().map_err(|_| Trouble::NotANumber(text.to_string()))
}

fn total(lines: &[&str]) -> Result<i64, Trouble> {
    let _announced = Announced("total");
    let mut sum = 0;
    for line in lines {
        sum += parse(line)?;
        println!("so far {sum}");
    }
    Ok(sum)
}

fn collatz(n: u64, depth: u32, visit: &mut dyn FnMut(u64)) -> u32 {
    visit(n);
    match n {
        1 => depth,
        n if n % 2 == 0 => collatz(n / 2, depth + 1, visit),
        n => collatz(3 * n + 1, depth + 1, visit),
    }
}

fn files(folder: &str) -> Result<usize, Trouble> {
    let path = format!("{folder}/stock.txt");
    let mut file = File::create(&path)?;
    for i in 0..6 {
        writeln!(file, "item {i}: {}", i * i * 7 % 10)?;
    }
    drop(file);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in BufReader::new(File::open(&path)?).lines() {
        let line = line?;
        let digit = line.chars().last().unwrap_or('?').to_string();
        *counts.entry(digit).or_default() += 1;
    }
    println!("{counts:?}");
    let mut file = fs::OpenOptions::new().read(true).append(true).open(&path)?;
    file.write_all(b"the end\n")?;
    let length = file.seek(SeekFrom::End(0))?;
    println!("{length} bytes");
    fs::rename(&path, format!("{folder}/kept.txt"))?;
    File::open(&path)?;
    Ok(0)
}

fn main() {
    let folder = env::args().nth(1).unwrap_or_else(|| "/data".into());
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Circle(1.5)), Box::new(Rectangle(2.0, 3.5)), Box::new(Circle(0.25))];
    for shape in shapes.iter() {
        println!("{:<16} {:>8.3}", shape.name(), shape.area());
    }
    println!("{:?}", total(&["1", " 22", "333"]).ok());
    match total(&["7", "eight", "9"]) {
        Ok(sum) => println!("sum {sum}"),
        Err(trouble) => println!("trouble: {trouble}"),
    }
    let mut peak = 0;
    let steps = collatz(27, 0, &mut |n| {
        if n > peak {
            peak = n;
            println!("peak {n}");
        }
    });
    println!("{steps} steps");
    if let Err(trouble) = files(&folder) {
        println!("files: {trouble}");
    }
}
