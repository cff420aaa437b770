using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class RoundTripTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task A_round_trip_is_a_retrieve_of_no_bytes_of_the_root_and_its_notify_reply()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Task<bool> answers = session.Session.AnswersAsync(Long);

        ScriptedReply retrieve = session.Kernel.NextNotification();
        Assert.Equal((5, 32), (retrieve.Error, retrieve.Payload.Length));
        Assert.Equal((1UL, 0UL, 0u), (retrieve.U64(8), retrieve.U64(16), retrieve.U32(24)));
        Assert.False(answers.IsCompleted);
        session.Kernel.Post(ScriptedKernel.Message(Opcode.NotifyReply, 1, retrieve.U64(0), new byte[40]));
        Assert.True(await answers.WaitAsync(ScriptedKernel.Patience));
    }

    [Fact]
    public async Task What_does_not_come_back_is_no_answer_and_what_comes_late_disturbs_nobody()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.False(await session.Session.AnswersAsync(TimeSpan.FromMilliseconds(20)));

        ulong unique = session.Kernel.NextNotification().U64(0);
        session.Kernel.Post(ScriptedKernel.Message(Opcode.NotifyReply, 1, unique, new byte[40]));
        session.Kernel.Post(ScriptedKernel.Message(Opcode.NotifyReply, 1, 999, []));
        Assert.Equal((int)Errno.EACCES, (await DeniedAsync(session)).Error);
    }

    [Fact]
    public async Task A_session_that_has_ended_does_not_answer()
    {
        SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        await session.DisposeAsync();
        Assert.False(await session.Session.AnswersAsync(Long));
    }

    private Task<ScriptedReply> DeniedAsync(SessionUnderTest session)
    {
        fileSystem.OnGetAttributes = (_, _) => new(Errno.EACCES);
        return session.Kernel.GetAttrAsync(2);
    }
}
