// Goroutines, channels, defer and recover, maps, files. Usage: go [folder]
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

type job struct{ number, size int }

func worker(jobs <-chan job, results chan<- int) {
	for j := range jobs {
		sum := 0
		for i := 1; i <= j.size; i++ {
			sum += i * j.number % 7
		}
		results <- sum
	}
}

func pipeline(count int) int {
	jobs, results := make(chan job), make(chan int)
	for i := 0; i < 3; i++ {
		go worker(jobs, results)
	}
	go func() {
		for i := 1; i <= count; i++ {
			jobs <- job{i, i * 100}
		}
		close(jobs)
	}()
	total := 0
	for i := 1; i <= count; i++ {
		total += <-results
		if i%4 == 0 {
			fmt.Println("results", i)
		}
	}
	return total
}

var errDeep = errors.New("deep enough")

func risky(level int) (err error) {
	defer func() {
		fmt.Println("leaving", level)
		if r := recover(); r != nil {
			err = fmt.Errorf("level %d: %w", level, errDeep)
		}
	}()
	if level == 3 {
		var missing map[string]int
		missing["x"] = 1
	}
	return risky(level + 1)
}

func primes(limit int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		source := make(chan int)
		go func(first chan<- int) {
			for n := 2; n <= limit; n++ {
				first <- n
			}
			close(first)
		}(source)
		for {
			p, ok := <-source
			if !ok {
				return
			}
			out <- p
			next := make(chan int)
			go func(in <-chan int) {
				for n := range in {
					if n%p != 0 {
						next <- n
					}
				}
				close(next)
			}(source)
			source = next
		}
	}()
	return out
}

func files(folder string) error {
	path := filepath.Join(folder, "go.txt")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for i := 0; i < 5; i++ {
		fmt.Fprintf(file, "line %d\n", i)
	}
	file.Close()
	file, err = os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	counts := map[string]int{}
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		for _, word := range strings.Fields(scanner.Text()) {
			counts[word]++
		}
	}
	words := make([]string, 0, len(counts))
	for word := range counts {
		words = append(words, word)
	}
	sort.Strings(words)
	fmt.Println(words, counts["line"])
	_, err = os.Stat(filepath.Join(folder, "missing"))
	return err
}

func main() {
	folder := "/data"
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	fmt.Println("total", pipeline(12))
	err := risky(0)
	fmt.Println(err, errors.Is(err, errDeep))
	for p := range primes(40) {
		fmt.Print(p, " ")
	}
	fmt.Println()
	fmt.Println(errors.Is(files(folder), os.ErrNotExist))
}
