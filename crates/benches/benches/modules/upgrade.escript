#!/usr/bin/env escript
%% A gen_server with a map of sessions, whose code is changed as a release handler does it: suspended, its state migrated,
%% resumed. What Erlang does is the reference for pauses and rates of modules.
%%
%% `upgrade.escript pause ENTRIES ROUNDS` prints the median and the 99th percentile of the pauses in microseconds while 8
%% callers call; `upgrade.escript calls ENTRIES SECONDS` prints the calls a second of 8 callers, without changes and with one
%% every 20 ms.
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, code_change/3]).

-define(CALLERS, 8).

main(["pause", Entries, Rounds]) ->
    {ok, Server} = gen_server:start(?MODULE, list_to_integer(Entries), []),
    Counts = callers(Server),
    Pauses = lists:sort([change_and_back(Server) || _ <- lists:seq(1, list_to_integer(Rounds))]),
    _ = stop(Counts),
    io:format("~b ~b~n", [percentile(Pauses, 50), percentile(Pauses, 99)]);
main(["calls", Entries, Seconds]) ->
    {ok, Server} = gen_server:start(?MODULE, list_to_integer(Entries), []),
    Ms = 1000 * list_to_integer(Seconds),
    Idle = callers(Server),
    timer:sleep(Ms),
    PerSecondIdle = stop(Idle) * 1000 div Ms,
    Busy = callers(Server),
    change_until(Server, erlang:monotonic_time(millisecond) + Ms),
    io:format("~b ~b~n", [PerSecondIdle, stop(Busy) * 1000 div Ms]).

%% Starts callers; each counts its calls until it is told to stop.
callers(Server) ->
    [spawn_link(fun() -> call(Server, 0) end) || _ <- lists:seq(1, ?CALLERS)].

call(Server, Count) ->
    receive
        {stop, From} -> From ! {counted, Count}
    after 0 ->
        _ = gen_server:call(Server, add, infinity),
        call(Server, Count + 1)
    end.

stop(Callers) ->
    [Caller ! {stop, self()} || Caller <- Callers],
    lists:sum([receive {counted, Count} -> Count end || _ <- Callers]).

%% Changes the code and answers the pause, then goes back.
change_and_back(Server) ->
    Pause = change(Server, 1),
    _ = change(Server, {down, 1}),
    Pause.

change(Server, From) ->
    ok = sys:suspend(Server, infinity),
    Began = erlang:monotonic_time(microsecond),
    ok = sys:change_code(Server, ?MODULE, From, [], infinity),
    ok = sys:resume(Server, infinity),
    erlang:monotonic_time(microsecond) - Began.

change_until(Server, End) ->
    case erlang:monotonic_time(millisecond) >= End of
        true -> ok;
        false ->
            Began = erlang:monotonic_time(millisecond),
            _ = change(Server, 1),
            _ = change(Server, {down, 1}),
            %% Two changes took place in this time.
            timer:sleep(max(0, 40 - (erlang:monotonic_time(millisecond) - Began))),
            change_until(Server, End)
    end.

percentile(Sorted, Share) ->
    lists:nth(max(1, length(Sorted) * Share div 100), Sorted).

init(Entries) ->
    {ok, {maps:from_list([{name(I), I} || I <- lists:seq(1, Entries)]), 0}}.

name(I) ->
    iolist_to_binary(io_lib:format("session-~8..0b", [I])).

handle_call(add, _, {Sessions, Count}) ->
    {reply, Count + 1, {Sessions, Count + 1}}.

handle_cast(_, State) ->
    {noreply, State}.

code_change({down, _}, {Sessions, Count}, _) ->
    {ok, {maps:map(fun(_, {Hits, _}) -> Hits end, Sessions), Count}};
code_change(_, {Sessions, Count}, _) ->
    {ok, {maps:map(fun(_, Hits) -> {Hits, 0} end, Sessions), Count}}.
