module strandpeers

go 1.22
