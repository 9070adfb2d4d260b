create table t(n integer, word text);
with recursive c(n) as (select 1 union all select n + 1 from c where n < 200) insert into t select n, 'w' || (n * n % 17) from c;
select word, count(*), sum(n) from t group by word order by word limit 6;
select group_concat(n) from (select n from t where n % 41 = 0 order by n desc);
select max(n), min(word), total(n) from t;
